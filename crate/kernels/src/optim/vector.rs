//! Inner products and distances of parameters, in double precision.

use crate::math::Float;

/// `⟨a, b⟩`.
pub(super) fn dot<T: Float>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| a.into() * b.into()).sum()
}

/// `‖a - b‖`.
pub(super) fn distance<T: Float>(a: &[T], b: &[T]) -> f64 {
    let square = |(&a, &b): (&T, &T)| (a.into() - b.into()) * (a.into() - b.into());
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

/// `Σ |a_i|`.
pub(super) fn sum_of_sizes<T: Float>(a: &[T]) -> f64 {
    a.iter().map(|&a| a.into().abs()).sum()
}
