//! What a formula can do to numbers: each operation with its derivatives.

use crate::math::{acos, asin, atan, atan2, cos, cosh, exp, log, pow, powi, sin, sinh, tan, tanh};

/// An operation on one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Negate,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    Log,
    Sqrt,
    Abs,
    Sign,
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Min,
    Max,
    Atan2,
}

/// The functions a formula may call, by name.
pub const FUNCTIONS: [&str; 19] = [
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "ln", "sqrt", "abs", "sign",
    "min", "max", "pow", "atan2",
];

impl Unary {
    /// The function of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sin" => Self::Sin,
            "cos" => Self::Cos,
            "tan" => Self::Tan,
            "asin" => Self::Asin,
            "acos" => Self::Acos,
            "atan" => Self::Atan,
            "sinh" => Self::Sinh,
            "cosh" => Self::Cosh,
            "tanh" => Self::Tanh,
            "exp" => Self::Exp,
            "log" | "ln" => Self::Log,
            "sqrt" => Self::Sqrt,
            "abs" => Self::Abs,
            "sign" => Self::Sign,
            _ => return None,
        })
    }

    /// The operation applied to a text.
    pub(super) fn written(self, a: &str) -> String {
        let name = match self {
            Self::Negate => return format!("(-{a})"),
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Tan => "tan",
            Self::Asin => "asin",
            Self::Acos => "acos",
            Self::Atan => "atan",
            Self::Sinh => "sinh",
            Self::Cosh => "cosh",
            Self::Tanh => "tanh",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Abs => "abs",
            Self::Sign => "sign",
        };
        format!("{name}({a})")
    }

    /// The value at `a`.
    pub(super) fn value(self, a: f64) -> f64 {
        match self {
            Self::Negate => -a,
            Self::Sin => sin(a),
            Self::Cos => cos(a),
            Self::Tan => tan(a),
            Self::Asin => asin(a),
            Self::Acos => acos(a),
            Self::Atan => atan(a),
            Self::Sinh => sinh(a),
            Self::Cosh => cosh(a),
            Self::Tanh => tanh(a),
            Self::Exp => exp(a),
            Self::Log => log(a),
            Self::Sqrt => a.sqrt(),
            Self::Abs => a.abs(),
            Self::Sign => sign(a),
        }
    }

    /// The derivative at `a`. At the kinks of `abs` and `sign` it is zero, a subgradient.
    pub(super) fn slope(self, a: f64) -> f64 {
        match self {
            Self::Negate => -1.0,
            Self::Sin => cos(a),
            Self::Cos => -sin(a),
            Self::Tan => 1.0 / (cos(a) * cos(a)),
            Self::Asin => 1.0 / (1.0 - a * a).sqrt(),
            Self::Acos => -1.0 / (1.0 - a * a).sqrt(),
            Self::Atan => 1.0 / (1.0 + a * a),
            Self::Sinh => cosh(a),
            Self::Cosh => sinh(a),
            Self::Tanh => 1.0 - tanh(a) * tanh(a),
            Self::Exp => exp(a),
            Self::Log => 1.0 / a,
            Self::Sqrt => 0.5 / a.sqrt(),
            Self::Abs => sign(a),
            Self::Sign => 0.0,
        }
    }

    /// The second derivative at `a`, zero at the kinks.
    pub(super) fn curvature(self, a: f64) -> f64 {
        match self {
            Self::Negate | Self::Abs | Self::Sign => 0.0,
            Self::Sin => -sin(a),
            Self::Cos => -cos(a),
            Self::Tan => 2.0 * tan(a) / (cos(a) * cos(a)),
            Self::Asin => a / powi((1.0 - a * a).sqrt(), 3),
            Self::Acos => -a / powi((1.0 - a * a).sqrt(), 3),
            Self::Atan => -2.0 * a / powi(1.0 + a * a, 2),
            Self::Sinh => sinh(a),
            Self::Cosh => cosh(a),
            Self::Tanh => -2.0 * tanh(a) * (1.0 - tanh(a) * tanh(a)),
            Self::Exp => exp(a),
            Self::Log => -1.0 / (a * a),
            Self::Sqrt => -0.25 / (a * a.sqrt()),
        }
    }
}

impl Binary {
    /// The function of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "max" => Self::Max,
            "pow" => Self::Power,
            "atan2" => Self::Atan2,
            _ => return None,
        })
    }

    /// Whether `f(a, b, c)` means `f(f(a, b), c)`.
    pub(super) fn chains(self) -> bool {
        matches!(self, Self::Min | Self::Max)
    }

    /// The operation applied to two texts.
    pub(super) fn written(self, a: &str, b: &str) -> String {
        match self {
            Self::Add => format!("({a} + {b})"),
            Self::Subtract => format!("({a} - {b})"),
            Self::Multiply => format!("({a} * {b})"),
            Self::Divide => format!("({a} / {b})"),
            Self::Power => format!("({a} ^ {b})"),
            Self::Min => format!("min({a}, {b})"),
            Self::Max => format!("max({a}, {b})"),
            Self::Atan2 => format!("atan2({a}, {b})"),
        }
    }

    /// The value at `a` and `b`.
    pub(super) fn value(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power => power(a, b),
            Self::Min => {
                if a.is_nan() || a <= b {
                    a
                } else {
                    b
                }
            }
            Self::Max => {
                if a.is_nan() || a >= b {
                    a
                } else {
                    b
                }
            }
            Self::Atan2 => atan2(a, b),
        }
    }

    /// The derivatives by `a` and by `b`.
    pub(super) fn slopes(self, a: f64, b: f64) -> (f64, f64) {
        match self {
            Self::Add => (1.0, 1.0),
            Self::Subtract => (1.0, -1.0),
            Self::Multiply => (b, a),
            Self::Divide => (1.0 / b, -a / (b * b)),
            Self::Power => {
                let by_base = if b == 0.0 { 0.0 } else { b * power(a, b - 1.0) };
                let by_exponent = if a == 0.0 && b > 0.0 { 0.0 } else { power(a, b) * log(a) };
                (by_base, by_exponent)
            }
            Self::Min => {
                if a.is_nan() || a <= b {
                    (1.0, 0.0)
                } else {
                    (0.0, 1.0)
                }
            }
            Self::Max => {
                if a.is_nan() || a >= b {
                    (1.0, 0.0)
                } else {
                    (0.0, 1.0)
                }
            }
            Self::Atan2 => {
                let square = a * a + b * b;
                (b / square, -a / square)
            }
        }
    }

    /// The second derivatives: twice by `a`, by `a` and `b`, twice by `b`.
    pub(super) fn curvatures(self, a: f64, b: f64) -> (f64, f64, f64) {
        match self {
            Self::Add | Self::Subtract | Self::Min | Self::Max => (0.0, 0.0, 0.0),
            Self::Multiply => (0.0, 1.0, 0.0),
            Self::Divide => (0.0, -1.0 / (b * b), 2.0 * a / powi(b, 3)),
            Self::Power => {
                let by_base = if b == 0.0 || b == 1.0 { 0.0 } else { b * (b - 1.0) * power(a, b - 2.0) };
                let vanishes = |order: f64| a == 0.0 && b > order;
                let mixed = if vanishes(1.0) { 0.0 } else { power(a, b - 1.0) * (1.0 + b * log(a)) };
                let by_exponent = if vanishes(0.0) { 0.0 } else { power(a, b) * log(a) * log(a) };
                (by_base, mixed, by_exponent)
            }
            Self::Atan2 => {
                let square = a * a + b * b;
                let (mixed, own) = ((a * a - b * b) / (square * square), 2.0 * a * b / (square * square));
                (-own, mixed, own)
            }
        }
    }
}

/// The sign, zero at zero.
fn sign(a: f64) -> f64 {
    if a > 0.0 {
        1.0
    } else if a < 0.0 {
        -1.0
    } else {
        a
    }
}

/// A power; small whole exponents by multiplication.
fn power(a: f64, b: f64) -> f64 {
    if b.abs() <= 16.0 && b == b.trunc() { powi(a, b as i32) } else { pow(a, b) }
}
