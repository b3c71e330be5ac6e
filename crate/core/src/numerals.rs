//! Numbers among words, written as the page writes its own.

/// A number as Rust writes it with an exponent, `1.2e-8`, as readers do: `1.2×10⁻⁸`. `1e-14` is `10⁻¹⁴`, and what has no
/// exponent stays as it is.
pub fn powers_of_ten(written: &str) -> String {
    let Some((mantissa, exponent)) = written.split_once('e') else { return written.to_owned() };
    let raised = |letter: char| match letter {
        '-' | '−' => '⁻',
        letter => letter.to_digit(10).and_then(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize)).unwrap_or(letter),
    };
    let power: String = exponent.chars().map(raised).collect();
    if mantissa == "1" { format!("10{power}") } else { format!("{mantissa}×10{power}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_raised() {
        let pairs = [("1.2e-8", "1.2×10⁻⁸"), ("1e-14", "10⁻¹⁴"), ("−2.00e−30", "−2.00×10⁻³⁰"), ("7e15", "7×10¹⁵")];
        for (written, read) in pairs {
            assert_eq!(powers_of_ten(written), read);
        }
        assert_eq!(["0.5", "inf", "NaN"].map(powers_of_ten), ["0.5", "inf", "NaN"]);
    }
}
