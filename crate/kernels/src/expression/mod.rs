//! A visitor's formula: parsed with positions for what is wrong, evaluated, and differentiated exactly.
//!
//! ```
//! use orrery_kernels::expression::Expression;
//!
//! let f = Expression::parse("x^2 + 3 sin(x y)", &["x", "y"])?;
//! assert_eq!(f.eval(&[2.0, 0.0]), 4.0);
//! assert_eq!(f.gradient(&[2.0, 0.0]), (4.0, vec![4.0, 6.0]));
//! assert_eq!(f.hessian(&[2.0, 0.0]), [2.0, 3.0, 3.0, 0.0]);
//! let wrong = Expression::parse("x + * y", &["x", "y"]).unwrap_err();
//! assert_eq!(wrong.at, 4);
//! # Ok::<(), orrery_kernels::expression::ParseError>(())
//! ```
//!
//! Numbers, the given names, the constants `pi` and `e`; `+ - * / ^` with the usual order, a product written without a
//! sign (`2x`, `(x+1)(x-1)`); the functions of [`FUNCTIONS`]. Typographic signs (`−`, `·`, `×`, `÷`, `π`, `²`, `³`)
//! are read as well. Evaluation never fails: `1/x` at zero is infinite, `log(-1)` is not a number.

mod function;
mod parse;

use function::{Binary, Unary};
use std::fmt;

pub use function::FUNCTIONS;

/// How deep a formula may nest; it also bounds the stack that evaluation needs.
const DEPTH: usize = 64;

/// Why a text is no formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// One sentence: what is wrong and, where it can be said, what would be right.
    pub message: String,
    /// Where, in characters from the start.
    pub at: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.message, self.at + 1)
    }
}

impl std::error::Error for ParseError {}

/// A formula in named variables, in postfix order.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    code: Vec<Op>,
    variables: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Number(f64),
    Variable(usize),
    Unary(Unary),
    Binary(Binary),
}

impl Expression {
    /// Reads a formula in which `variables` may occur. A variable called `e` or `pi` hides the constant.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: &str, variables: &[&str]) -> Result<Self, ParseError> {
        let code = parse::parse(text, variables)?;
        Ok(Self { code, variables: variables.iter().map(|&name| name.to_owned()).collect() })
    }

    /// The value at `x`, one number for each variable; a variable without a number is not a number.
    pub fn eval(&self, x: &[f64]) -> f64 {
        let (mut stack, mut top) = ([0.0; DEPTH + 2], 0);
        for op in &self.code {
            match *op {
                Op::Number(number) => {
                    stack[top] = number;
                    top += 1;
                }
                Op::Variable(index) => {
                    stack[top] = x.get(index).copied().unwrap_or(f64::NAN);
                    top += 1;
                }
                Op::Unary(function) => stack[top - 1] = function.value(stack[top - 1]),
                Op::Binary(function) => {
                    top -= 1;
                    stack[top - 1] = function.value(stack[top - 1], stack[top]);
                }
            }
        }
        stack[0]
    }

    /// The value and the derivative by the variable at `index`, exact: each operation carries both (forward mode).
    pub fn derivative(&self, x: &[f64], index: usize) -> (f64, f64) {
        // A derivative of zero stays zero whatever it is multiplied by: what does not depend on the variable, such as
        // sqrt(y) at y = 0, says nothing about it.
        let chain = |slope: f64, d: f64| if d == 0.0 { 0.0 } else { slope * d };
        let (mut stack, mut top) = ([(0.0, 0.0); DEPTH + 2], 0);
        for op in &self.code {
            match *op {
                Op::Number(number) => {
                    stack[top] = (number, 0.0);
                    top += 1;
                }
                Op::Variable(variable) => {
                    let d = if variable == index { 1.0 } else { 0.0 };
                    stack[top] = (x.get(variable).copied().unwrap_or(f64::NAN), d);
                    top += 1;
                }
                Op::Unary(function) => {
                    let (a, da) = stack[top - 1];
                    stack[top - 1] = (function.value(a), chain(function.slope(a), da));
                }
                Op::Binary(function) => {
                    top -= 1;
                    let ((a, da), (b, db)) = (stack[top - 1], stack[top]);
                    let (by_a, by_b) = function.slopes(a, b);
                    stack[top - 1] = (function.value(a, b), chain(by_a, da) + chain(by_b, db));
                }
            }
        }
        stack[0]
    }

    /// The value and the gradient, by all variables in their order.
    pub fn gradient(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let gradient = (0..self.variables.len()).map(|index| self.derivative(x, index).1).collect();
        (self.eval(x), gradient)
    }

    /// The value, the derivatives by the variables at `i` and at `j`, and the second derivative by both, exact.
    pub fn second_derivative(&self, x: &[f64], i: usize, j: usize) -> [f64; 4] {
        // As in `derivative`: what does not depend on a variable says nothing about it.
        let chain = |slope: f64, d: f64| if d == 0.0 { 0.0 } else { slope * d };
        let (mut stack, mut top) = ([[0.0; 4]; DEPTH + 2], 0);
        for op in &self.code {
            match *op {
                Op::Number(number) => {
                    stack[top] = [number, 0.0, 0.0, 0.0];
                    top += 1;
                }
                Op::Variable(variable) => {
                    let by = |index| if variable == index { 1.0 } else { 0.0 };
                    stack[top] = [x.get(variable).copied().unwrap_or(f64::NAN), by(i), by(j), 0.0];
                    top += 1;
                }
                Op::Unary(f) => {
                    let [a, ai, aj, aij] = stack[top - 1];
                    let (slope, curvature) = (f.slope(a), f.curvature(a));
                    let second = chain(slope, aij) + chain(curvature, ai * aj);
                    stack[top - 1] = [f.value(a), chain(slope, ai), chain(slope, aj), second];
                }
                Op::Binary(f) => {
                    top -= 1;
                    let ([a, ai, aj, aij], [b, bi, bj, bij]) = (stack[top - 1], stack[top]);
                    let ((by_a, by_b), (aa, ab, bb)) = (f.slopes(a, b), f.curvatures(a, b));
                    let first = |da, db| chain(by_a, da) + chain(by_b, db);
                    let mixed = chain(ab, ai * bj + aj * bi);
                    let second = first(aij, bij) + chain(aa, ai * aj) + mixed + chain(bb, bi * bj);
                    stack[top - 1] = [f.value(a, b), first(ai, bi), first(aj, bj), second];
                }
            }
        }
        stack[0]
    }

    /// The matrix of second derivatives, n x n for n variables, by rows.
    pub fn hessian(&self, x: &[f64]) -> Vec<f64> {
        let n = self.variables.len();
        let mut hessian = vec![0.0; n * n];
        for i in 0..n {
            for j in i..n {
                let [.., second] = self.second_derivative(x, i, j);
                hessian[i * n + j] = second;
                hessian[j * n + i] = second;
            }
        }
        hessian
    }

    /// Whether the variable at `index` occurs.
    pub fn mentions(&self, index: usize) -> bool {
        self.code.contains(&Op::Variable(index))
    }
}

/// The formula with every operation in parentheses; it parses to the same formula.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stack: Vec<String> = Vec::new();
        for op in &self.code {
            let text = match *op {
                Op::Number(number) => number.to_string(),
                Op::Variable(index) => self.variables[index].clone(),
                Op::Unary(function) => {
                    let a = stack.pop().unwrap_or_default();
                    function.written(&a)
                }
                Op::Binary(function) => {
                    let b = stack.pop().unwrap_or_default();
                    let a = stack.pop().unwrap_or_default();
                    function.written(&a, &b)
                }
            };
            stack.push(text);
        }
        f.write_str(&stack.pop().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{E, PI, cos, exp, log, pow, sin};
    use proptest::prelude::*;
    use proptest::{collection, sample};

    fn parse(text: &str) -> Expression {
        Expression::parse(text, &["x", "y"]).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn error(text: &str) -> ParseError {
        Expression::parse(text, &["x", "y"]).expect_err(text)
    }

    #[test]
    fn operations_bind_in_the_usual_order() {
        for (text, value) in [
            ("1 + 2 * 3", 7.0),
            ("2 - 3 - 4", -5.0),
            ("12 / 3 / 2", 2.0),
            ("2 ^ 3 ^ 2", 512.0),
            ("2 ** 3", 8.0),
            ("-2 ^ 2", -4.0),
            ("2 ^ -1", 0.5),
            ("--2", 2.0),
            ("2 - -2", 4.0),
            ("+2", 2.0),
            ("-x^2 + y", -4.0),
            ("2x", 4.0),
            ("2 x y^2", 0.0),
            ("(x+1)(x-1)", 3.0),
            ("1/2x", 1.0),
            ("2 sin(0) + 3", 3.0),
            ("x(1 + 1)", 4.0),
            ("2pi", 2.0 * PI),
            ("2e", 2.0 * E),
            ("2e1x", 40.0),
            (".5 + 1. + 1e-1", 1.6),
            ("min(3, 1, 2) + max(x, 7)", 8.0),
            ("pow(x, 3)", 8.0),
            ("x² − 2·x × 1 ÷ 4 + π - π + x³", 11.0),
            ("abs(-3) sign(-2) sqrt(4)", -6.0),
            ("ln(e) + log(1)", 1.0),
        ] {
            assert!((parse(text).eval(&[2.0, 0.0]) - value).abs() < 1e-15 * value.abs().max(1.0), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        for (text, at, part) in [
            ("", 0, "empty"),
            ("   ", 3, "empty"),
            ("x +", 3, "ends"),
            ("x + * y", 4, "'*'"),
            ("(x + y", 0, "never closed"),
            ("x + y)", 5, "never opened"),
            ("x + z", 4, "'z'"),
            ("xy", 0, "x*y"),
            ("sin x", 0, "parentheses"),
            ("sine(x)", 0, "'sine'"),
            ("sin()", 4, "')'"),
            ("sin(x, y)", 5, "one argument"),
            ("max(x)", 0, "two arguments"),
            ("x $ y", 2, "'$'"),
            ("1.2.3", 3, "number"),
            ("1e999", 0, "large"),
            ("π + ü", 4, "'ü'"),
            ("x, y", 1, "','"),
            ("x = y", 2, "'='"),
            ("10 000", 3, "cannot stand here"),
        ] {
            let error = error(text);
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.message.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}x{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(error(&deep).message.contains("deep"));
        assert!(error(&format!("{}x", "-".repeat(10_000))).message.contains("deep"));
        assert!(error(&vec!["x"; 10_000].join("^")).message.contains("deep"));
        assert!(error(&vec!["x"; 10_000].join("+")).message.contains("long"));
        let fair = format!("{}x{}", "(".repeat(40), ")".repeat(40));
        assert_eq!(parse(&fair).eval(&[3.0, 0.0]), 3.0);
        assert_eq!(parse(&vec!["x"; 250].join("+")).eval(&[1.0, 0.0]), 250.0);
    }

    #[test]
    fn gradients_known_by_hand() {
        let (x, y) = (0.7, -1.3);
        for (text, by_x, by_y) in [
            ("x^2 y", 2.0 * x * y, x * x),
            ("sin(x) cos(y)", cos(x) * cos(y), -sin(x) * sin(y)),
            ("x^x", pow(x, x) * (log(x) + 1.0), 0.0),
            ("exp(x y)", y * exp(x * y), x * exp(x * y)),
            ("max(x, y) + abs(y)", 1.0, -1.0),
            ("sqrt(0 y) + x", 1.0, 0.0),
            ("atan2(y, x)", -y / (x * x + y * y), x / (x * x + y * y)),
            ("y^2 + y^3", 0.0, 2.0 * y + 3.0 * y * y),
            ("sign(x) + 5", 0.0, 0.0),
        ] {
            let (value, gradient) = parse(text).gradient(&[x, y]);
            assert_eq!(value.to_bits(), parse(text).eval(&[x, y]).to_bits());
            if text.starts_with("sqrt") {
                assert_eq!(gradient[0], by_x);
                continue;
            }
            assert!((gradient[0] - by_x).abs() < 1e-14 && (gradient[1] - by_y).abs() < 1e-14, "{text}: {gradient:?}");
        }
        assert_eq!(parse("x^0").gradient(&[0.0, 0.0]), (1.0, vec![0.0, 0.0]));
    }

    #[test]
    fn second_derivatives_known_by_hand() {
        let (x, y) = (0.7_f64, 1.3_f64);
        let (r, l) = (x * x + y * y, log(x));
        for (text, xx, xy, yy) in [
            ("x^2 y", 2.0 * y, 2.0 * x, 0.0),
            ("x / y", 0.0, -1.0 / (y * y), 2.0 * x / (y * y * y)),
            ("exp(x y)", y * y * exp(x * y), (1.0 + x * y) * exp(x * y), x * x * exp(x * y)),
            ("x^y", y * (y - 1.0) * pow(x, y - 2.0), pow(x, y - 1.0) * (1.0 + y * l), pow(x, y) * l * l),
            ("atan2(y, x)", 2.0 * x * y / (r * r), (y * y - x * x) / (r * r), -2.0 * x * y / (r * r)),
            ("max(x, y)^2 + abs(x) + sign(y)", 0.0, 0.0, 2.0),
            ("100 (y - x^2)^2 + (1 - x)^2", 1200.0 * x * x - 400.0 * y + 2.0, -400.0 * x, 200.0),
            ("sqrt(x) + asin(x)", -0.25 * pow(x, -1.5) + x * pow(1.0 - x * x, -1.5), 0.0, 0.0),
            ("tan(x) + acos(x)", 2.0 * sin(x) / pow(cos(x), 3.0) - x * pow(1.0 - x * x, -1.5), 0.0, 0.0),
        ] {
            let hessian = parse(text).hessian(&[x, y]);
            for (mine, known) in hessian.iter().zip([xx, xy, xy, yy]) {
                assert!((mine - known).abs() < 1e-12 * known.abs().max(1.0), "{text}: {hessian:?}");
            }
        }
        // At the corner of the domain: nothing is multiplied by what does not exist.
        assert_eq!(parse("x^2 + sqrt(0 y)").hessian(&[0.0, 0.0]), [2.0, 0.0, 0.0, 0.0]);
        assert_eq!(parse("x^1 + x^0").hessian(&[0.0, 0.0]), [0.0; 4]);
    }

    /// Formulas by growth: smooth on the box from which the tests draw.
    fn formulas() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("x".to_owned()),
            Just("y".to_owned()),
            Just("pi".to_owned()),
            (0.0_f64..10.0).prop_map(|number| number.to_string()),
        ];
        leaf.prop_recursive(5, 40, 2, |inner| {
            let unary = prop_oneof![Just("sin"), Just("cos"), Just("tanh"), Just("atan"), Just("-")];
            let binary = prop_oneof![Just("+"), Just("-"), Just("*"), Just(" ")];
            prop_oneof![
                (unary, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
                (binary, inner.clone(), inner.clone()).prop_map(|(op, a, b)| format!("({a}) {op} ({b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} / (1 + ({b})^2)")),
                inner.clone().prop_map(|a| format!("exp(sin({a}))")),
                inner.clone().prop_map(|a| format!("log(2 + cos({a}))")),
                inner.clone().prop_map(|a| format!("sqrt(1 + ({a})^2)")),
                inner.prop_map(|a| format!("({a})^3")),
            ]
        })
    }

    /// What formulas are made of.
    const GARBAGE: &[char] = &[
        'x', 'y', 'z', '0', '1', '2', '5', '9', '.', 'e', 'π', '²', '+', '-', '*', '/', '^', '(', ')', ',', '=', '|',
        '!', ' ', 's', 'i', 'n', 'c', 'o', 'a', 'm', 'l', 'g', 'p',
    ];

    fn text(letter: impl Strategy<Value = char>, longest: usize) -> impl Strategy<Value = String> {
        collection::vec(letter, 0..=longest).prop_map(|letters| letters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_derivative_is_the_limit_of_differences(text in formulas(), x in -1.0_f64..1.0, y in -1.0_f64..1.0) {
            let f = parse(&text);
            let (value, gradient) = f.gradient(&[x, y]);
            prop_assume!(value.abs() < 1e3 && gradient.iter().all(|d| d.abs() < 1e3));
            let h = 1e-5;
            let at = |i: usize, h: f64| f.eval(&[if i == 0 { x + h } else { x }, if i == 1 { y + h } else { y }]);
            for (i, d) in gradient.iter().enumerate() {
                // The error of a central difference is bounded by the third derivative, seen through a wider one.
                let near = (at(i, h) - at(i, -h)) / (2.0 * h);
                let wide = (at(i, 2.0 * h) - at(i, -2.0 * h)) / (4.0 * h);
                let trust = (near - wide).abs() + 1e-9 * (1.0 + value.abs()) / (1e-2 + h);
                prop_assert!((near - d).abs() <= trust, "{} by {}: {} and {}", text, i, near, d);
            }
        }

        #[test]
        fn the_hessian_is_the_limit_of_differences_of_gradients(
            text in formulas(), x in -1.0_f64..1.0, y in -1.0_f64..1.0,
        ) {
            let f = parse(&text);
            let (value, gradient) = f.gradient(&[x, y]);
            let hessian = f.hessian(&[x, y]);
            prop_assume!(value.abs() < 1e3 && gradient.iter().chain(&hessian).all(|d| d.abs() < 1e3));
            for i in 0..2 {
                for j in 0..2 {
                    let [same, by_i, by_j, _] = f.second_derivative(&[x, y], i, j);
                    prop_assert_eq!([same.to_bits(), by_i.to_bits(), by_j.to_bits()],
                        [value.to_bits(), gradient[i].to_bits(), gradient[j].to_bits()]);
                    let at = |h: f64| {
                        let moved = [if j == 0 { x + h } else { x }, if j == 1 { y + h } else { y }];
                        f.gradient(&moved).1[i]
                    };
                    let h = 1e-5;
                    let near = (at(h) - at(-h)) / (2.0 * h);
                    let wide = (at(2.0 * h) - at(-2.0 * h)) / (4.0 * h);
                    let trust = (near - wide).abs() + 1e-9 * (1.0 + gradient[i].abs() + value.abs()) / (1e-2 + h);
                    let second = hessian[2 * i + j];
                    prop_assert!((near - second).abs() <= trust, "{} by {} {}: {} and {}", text, i, j, near, second);
                }
            }
        }

        #[test]
        fn what_is_written_reads_back_the_same(text in formulas(), x in -3.0_f64..3.0, y in -3.0_f64..3.0) {
            let f = parse(&text);
            let again = parse(&f.to_string());
            prop_assert_eq!(&again, &f);
            prop_assert_eq!(again.eval(&[x, y]).to_bits(), f.eval(&[x, y]).to_bits());
        }

        #[test]
        fn garbage_is_an_error_or_a_formula(text in text(sample::select(GARBAGE), 80)) {
            match Expression::parse(&text, &["x", "y"]) {
                Ok(f) => { f.gradient(&[0.3, -0.4]); f.hessian(&[0.3, -0.4]); }
                Err(error) => prop_assert!(error.at <= text.chars().count()),
            }
        }

        #[test]
        fn any_text_is_an_error_or_a_formula(text in text(any::<char>(), 200)) {
            if let Err(error) = Expression::parse(&text, &["x", "y"]) {
                prop_assert!(error.at <= text.chars().count());
            }
        }
    }
}
