//! What a language model would be shown, and what is read from a reply or from the visitor's values.

use super::reader::slope;
use super::trace::{Op, minimal_subgraph};
use super::workflow::{Seen, Task};
use super::{BUDGET, Feedback, GOAL};
use orrery_core::prelude::*;
use std::collections::BTreeSet;

/// A number as it is shown.
pub(super) fn shown(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e6).contains(&x.abs()) {
        return format!("{x:.3e}").replace('-', "−");
    }
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

/// What is said of the output at this point.
fn message(seen: &Seen, task: &Task, feedback: Feedback) -> Vec<String> {
    if seen.score <= GOAL {
        return vec!["The output is right. Nothing is to be changed.".to_owned()];
    }
    let mut lines = Vec::new();
    if feedback == Feedback::Score {
        return vec![format!("The output is off by {}.", shown(seen.score))];
    }
    for ((trace, r), input) in seen.traces.iter().zip(&seen.residuals).zip(&task.inputs) {
        let on = if task.inputs.len() > 1 { format!(" for input {}", shown(*input)) } else { String::new() };
        let way = if *r < 0.0 { "larger" } else { "smaller" };
        let y = shown(trace.output());
        lines.push(format!("The output {y}{on} should be {way} by {}.", shown(r.abs())));
    }
    if feedback == Feedback::Gradient {
        for (name, g) in task.names.iter().zip(slope(seen)) {
            lines.push(format!("The error grows by {} for each unit of {name}.", shown(g)));
        }
    }
    lines
}

/// The prompt of OptoPrime at this point, line by line: the minimal subgraph as code, its values, and the feedback.
pub(super) fn prompt(seen: &Seen, task: &Task, feedback: Feedback, reveal: bool) -> Vec<String> {
    let trace = &seen.traces[seen.worst()];
    let kept = minimal_subgraph(trace, task.names.len());
    let name = |id: usize| match trace.nodes[id].op {
        Op::Parameter => task.names[id].to_owned(),
        Op::Input => "input".to_owned(),
        Op::Constant => format!("k{id}"),
        _ => format!("v{id}"),
    };
    let value = |id: usize| format!("(float) {} = {}", name(id), shown(trace.value(id)));
    let block = |lines: &mut Vec<String>, title: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(format!("#{title}"));
            lines.extend(body);
        }
    };
    let mut lines = Vec::new();
    let ask = "Change the values in #Variables so that the output becomes what #Feedback asks for.";
    let reply = "Answer in JSON: {\"reasoning\": \"…\", \"suggestion\": {\"name\": value}}.";
    block(&mut lines, "Instruction", vec![ask.to_owned(), reply.to_owned()]);
    let operations: Vec<usize> = kept.iter().copied().filter(|&id| trace.nodes[id].op.arity() > 0).collect();
    if reveal {
        let call = |&id: &usize| {
            let operands: Vec<String> = trace.nodes[id].parents().iter().map(|&parent| name(parent)).collect();
            format!("{} = {}({})", name(id), trace.nodes[id].op.word(), operands.join(", "))
        };
        block(&mut lines, "Code", operations.iter().map(call).collect());
        let mut defined: Vec<&str> = Vec::new();
        for &id in &operations {
            let definition = match trace.nodes[id].op {
                Op::Add => "add(a, b): a + b",
                Op::Subtract => "subtract(a, b): a − b",
                Op::Multiply => "multiply(a, b): a × b",
                Op::Divide => "divide(a, b): a / b, or a where b is 0",
                Op::Asinh => "asinh(a): the inverse hyperbolic sine of a",
                _ => "opaque(a): not documented",
            };
            if !defined.contains(&definition) {
                defined.push(definition);
            }
        }
        block(&mut lines, "Definitions", defined.into_iter().map(str::to_owned).collect());
    }
    block(&mut lines, "Variables", (0..task.names.len()).map(value).collect());
    if reveal {
        let output = trace.nodes.len() - 1;
        let given: BTreeSet<usize> = operations
            .iter()
            .flat_map(|&id| trace.nodes[id].parents())
            .copied()
            .filter(|p| !kept.contains(p))
            .collect();
        block(&mut lines, "Inputs", given.into_iter().map(value).collect());
        block(&mut lines, "Others", operations.iter().copied().filter(|&id| id != output).map(value).collect());
        block(&mut lines, "Outputs", vec![value(output)]);
    }
    block(&mut lines, "Feedback", message(seen, task, feedback));
    lines
}

/// The visitor's values: one list of parameters for each run.
pub(super) fn read_values(text: &str, names: &[&str]) -> Result<Vec<Vec<f64>>> {
    let wrong = |message: String| Error::of("values", message);
    let number = |word: &str| {
        let number = word.parse::<f64>().ok().filter(|x| x.abs() <= 1e6);
        number.ok_or_else(|| wrong(format!("{word:?} is no number between −10⁶ and 10⁶")))
    };
    let words = |text: &str| -> Result<Vec<f64>> {
        text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).map(number).collect()
    };
    let mut runs = Vec::new();
    for part in text.split([';', '\n']) {
        let values = words(part)?;
        if !values.len().is_multiple_of(names.len()) {
            return Err(wrong(format!("a run takes {} numbers: {}", names.len(), names.join(", "))));
        }
        runs.extend(values.chunks_exact(names.len()).map(<[f64]>::to_vec));
    }
    let many = runs.len() > BUDGET;
    if many { Err(wrong(format!("there are {BUDGET} runs at most"))) } else { Ok(runs) }
}

/// The parameters that a reply suggests. Chat models do not always answer in sound JSON: we look for each name, quoted or
/// not, with a colon or equals sign and a number after it, behind the word "suggestion" where there is one.
pub(super) fn read_reply(text: &str, names: &[&str], start: &[f64]) -> Result<Option<Vec<f64>>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let tail = text.rfind("suggestion").map_or(text, |at| &text[at..]);
    let mut theta = start.to_vec();
    let mut found = false;
    for (name, theta) in names.iter().zip(&mut theta) {
        let number = tail.match_indices(name).find_map(|(at, _)| {
            let before = tail[..at].chars().next_back().is_some_and(char::is_alphanumeric);
            let rest = tail[at + name.len()..].trim_start_matches(['"', '\'', ' ']);
            let rest = rest.strip_prefix([':', '=']).filter(|_| !before)?.trim_start();
            let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
            rest[..end].trim_end_matches(['.', 'e', 'E', '+', '-']).parse::<f64>().ok().filter(|x| x.abs() <= 1e6)
        });
        if let Some(number) = number {
            (*theta, found) = (number, true);
        }
    }
    let none =
        || Error::of("reply", format!("there is no \"suggestion\" with a number for {} in it", names.join(", ")));
    if found { Ok(Some(theta)) } else { Err(none()) }
}
