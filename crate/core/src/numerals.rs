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

/// A number with so many digits after the first: `0.012`, `1.2×10⁻⁸`, `10⁻¹⁴`.
pub fn numeral(x: f64, digits: i32) -> String {
    let places = |count: i32| usize::try_from(count).unwrap_or(0);
    let written = format!("{x:.0$e}", places(digits));
    let power = written.split_once('e').and_then(|(_, power)| power.parse::<i32>().ok());
    match power {
        Some(power) if x != 0.0 && !(-3..6).contains(&power) => powers_of_ten(&written),
        Some(power) if x != 0.0 => format!("{x:.0$}", places(digits - power)),
        _ => format!("{x}"),
    }
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

    #[test]
    fn numbers_are_plain_or_powers_of_ten() {
        assert_eq!([0.0, 1.0, 0.0123, 87_654.0].map(|x| numeral(x, 1)), ["0", "1.0", "0.012", "87654"]);
        assert_eq!(numeral(1.23e-8, 1), "1.2×10⁻⁸");
        assert_eq!([1.2e-14, 2e15].map(|x| numeral(x, 0)), ["10⁻¹⁴", "2×10¹⁵"]);
        assert_eq!(numeral(f64::INFINITY, 1), "inf");
    }
}
