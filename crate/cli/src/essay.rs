//! An exhibit's essay: the `//!` lines with which its file begins, as Markdown and as HTML.

use pulldown_cmark::{Options, Parser, html};

/// The essay's Markdown.
pub fn markdown(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// The Markdown that essays are written in: with formulas between `$`, tables, and typographic quotes and dashes.
pub fn options() -> Options {
    Options::ENABLE_MATH | Options::ENABLE_TABLES | Options::ENABLE_SMART_PUNCTUATION
}

/// The essay as HTML; formulas stay TeX, in spans of class `math`.
pub fn html(source: &str) -> String {
    let markdown = markdown(source);
    let mut out = String::new();
    html::push_html(&mut out, Parser::new_ext(&markdown, options()));
    out
}
