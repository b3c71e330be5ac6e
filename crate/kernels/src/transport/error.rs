//! What can be wrong with a transport problem.

use super::Scalar;
use std::fmt;

/// Why a transport problem cannot be solved as posed, in words for the one who posed it.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// One side has no points.
    Empty,
    /// A mass, cost, position or matrix entry is infinite or not a number.
    NotFinite(&'static str),
    /// A mass is negative.
    Negative {
        /// Which of the masses.
        index: usize,
        /// The mass.
        mass: f64,
    },
    /// All masses are zero.
    NoMass,
    /// The two sides have different masses.
    Unequal {
        /// What is to be moved.
        from: f64,
        /// What is to be filled.
        to: f64,
    },
    /// The regularisation, or another parameter that has to be positive, is not.
    NotPositive(&'static str),
    /// $e^{-c/\varepsilon}$ underflows where mass has to go: the scaling form cannot represent the answer.
    Underflow,
    /// There are more rows to assign than columns.
    TooManyRows,
    /// The power of a distance is below 1.
    PowerBelowOne,
    /// A covariance is not symmetric and positive semi-definite.
    NotCovariance,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "one side has no points: each needs at least one"),
            Self::NotFinite(what) => write!(f, "{what} must be finite numbers"),
            Self::Negative { index, mass } => write!(f, "mass {} is {mass}: masses cannot be negative", index + 1),
            Self::NoMass => write!(f, "all masses of one side are zero: there is nothing to move"),
            Self::Unequal { from, to } => write!(
                f,
                "the masses to move sum to {from:.9} and those to fill to {to:.9}: scale one side, or use unbalanced transport"
            ),
            Self::NotPositive(what) => write!(f, "{what} must be positive"),
            Self::Underflow => write!(
                f,
                "exp(-cost/ε) underflows where mass has to go: ε is too small for the scaling form; use the log domain \
                 or a larger ε"
            ),
            Self::TooManyRows => write!(f, "more rows than columns: not every row can have a column of its own"),
            Self::PowerBelowOne => write!(f, "the power p of the distance must be at least 1"),
            Self::NotCovariance => write!(f, "a covariance must be symmetric and have no negative eigenvalue"),
        }
    }
}

impl std::error::Error for Error {}

/// Sees to it that masses are finite, none of them negative and not all zero. Gives their sum.
pub(super) fn check_masses<T: Scalar>(masses: &[T]) -> Result<f64, Error> {
    if masses.is_empty() {
        return Err(Error::Empty);
    }
    let mut sum = 0.0;
    for (index, &mass) in masses.iter().enumerate() {
        let mass: f64 = mass.into();
        if !mass.is_finite() {
            return Err(Error::NotFinite("masses"));
        }
        if mass < 0.0 {
            return Err(Error::Negative { index, mass });
        }
        sum += mass;
    }
    if sum == 0.0 {
        return Err(Error::NoMass);
    }
    if sum.is_finite() { Ok(sum) } else { Err(Error::NotFinite("masses")) }
}

/// Sees to it that both sides have masses, and the same in total. Gives the total.
pub(super) fn check_balance<T: Scalar>(from: &[T], to: &[T]) -> Result<f64, Error> {
    let (from, to) = (check_masses(from)?, check_masses(to)?);
    if (from - to).abs() > T::BALANCE * from.max(to) { Err(Error::Unequal { from, to }) } else { Ok(from) }
}

/// Sees to it that all of `numbers` are finite.
pub(super) fn check_finite<T: Scalar>(numbers: &[T], what: &'static str) -> Result<(), Error> {
    if numbers.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(Error::NotFinite(what)) }
}
