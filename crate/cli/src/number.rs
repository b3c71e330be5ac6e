//! Numbers and verdicts as people read them.

use orrery_core::claim::{Clause, Verdict};

/// Four significant digits; whole numbers below a thousand million in full.
pub fn significant(value: f64) -> String {
    if !value.is_finite() || value == 0.0 || (value.fract() == 0.0 && value.abs() < 1e9) {
        return format!("{value}");
    }
    let scientific = format!("{value:.3e}");
    let rounded: f64 = scientific.parse().unwrap_or(value);
    if (1e-3..1e6).contains(&rounded.abs()) { format!("{rounded}") } else { format!("{rounded:e}") }
}

/// The clause's sentence with its numbers in it; what is not measured yet is "…".
pub fn sentence(clause: &Clause) -> String {
    let shown = |number: Option<f64>| number.map_or_else(|| "…".to_owned(), significant);
    let text = clause.text.replace("{value}", &shown(clause.value));
    text.replace("{low}", &shown(clause.low)).replace("{high}", &shown(clause.high))
}

/// The clause's bound, such as "≤ 0.5".
pub fn bound(clause: &Clause) -> String {
    match (clause.low.map(significant), clause.high.map(significant)) {
        (Some(low), Some(high)) => format!("{low} … {high}"),
        (Some(low), None) => format!("≥ {low}"),
        (None, Some(high)) => format!("≤ {high}"),
        (None, None) => String::new(),
    }
}

/// The verdict in a word.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pending => "pending",
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
    }
}
