//! Reads the vectors that the scripts in `tests/reference` stored, and tells how far ours are from them. For tests: what
//! was not stored so panics.

pub use serde_json::Value;

/// The contents of a stored file.
pub fn vectors(file: &str) -> Value {
    serde_json::from_str(file).expect("stored vectors")
}

/// A list of anything.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

/// One number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// One number without fraction.
pub fn whole(value: &Value) -> usize {
    value.as_u64().expect("a whole number") as usize
}

/// A list of numbers without fraction.
pub fn wholes(value: &Value) -> Vec<usize> {
    list(value).iter().map(whole).collect()
}

/// A name.
pub fn word(value: &Value) -> &str {
    value.as_str().expect("a word")
}

/// The largest difference.
pub fn apart(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|x| x.is_finite()));
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The largest difference, as a share of the largest expected number.
pub fn difference(found: &[f64], expected: &[f64]) -> f64 {
    let off = apart(found, expected);
    if off > 0.0 { off / expected.iter().fold(0.0, |most: f64, x| most.max(x.abs())) } else { 0.0 }
}

/// What stands in for numbers drawn from [-1, 1] there and here.
pub fn drawn(first: usize, i: usize, t: usize) -> f64 {
    2.0 * (((first + 37 * i + 101 * t + 59 * i * t) % 997) as f64 / 996.0) - 1.0
}
