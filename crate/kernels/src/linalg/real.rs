//! The reals that products are made of, and the 128-bit registers that hold several of them.

use std::ops::{Add, AddAssign, Mul};
use wide::{f32x4, f64x2};

/// `f32` or `f64`. Registers are those of SSE2 and of WebAssembly's simd128: sums and products round as scalars do,
/// and nothing is fused.
pub trait Real: Copy + Default + Add<Output = Self> + Mul<Output = Self> + AddAssign + Into<f64> {
    /// A register full of them.
    type Lanes: Copy + Add<Output = Self::Lanes> + Mul<Output = Self::Lanes>;

    /// How many a register holds.
    const LANES: usize;

    /// The nearest to `x`.
    fn nearest(x: f64) -> Self;

    /// A register with this number in every lane.
    fn splat(self) -> Self::Lanes;

    /// The first [`LANES`](Self::LANES) of `from`.
    ///
    /// # Panics
    /// If there are fewer.
    fn load(from: &[Self]) -> Self::Lanes;

    /// Writes a register into the first [`LANES`](Self::LANES) of `to`.
    ///
    /// # Panics
    /// If there are fewer.
    fn store(lanes: Self::Lanes, to: &mut [Self]);
}

impl Real for f32 {
    type Lanes = f32x4;
    const LANES: usize = 4;

    fn nearest(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn splat(self) -> f32x4 {
        f32x4::splat(self)
    }

    #[inline(always)]
    fn load(from: &[f32]) -> f32x4 {
        f32x4::new([from[0], from[1], from[2], from[3]])
    }

    #[inline(always)]
    fn store(lanes: f32x4, to: &mut [f32]) {
        to[..4].copy_from_slice(&lanes.to_array());
    }
}

impl Real for f64 {
    type Lanes = f64x2;
    const LANES: usize = 2;

    fn nearest(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn splat(self) -> f64x2 {
        f64x2::splat(self)
    }

    #[inline(always)]
    fn load(from: &[f64]) -> f64x2 {
        f64x2::new([from[0], from[1]])
    }

    #[inline(always)]
    fn store(lanes: f64x2, to: &mut [f64]) {
        to[..2].copy_from_slice(&lanes.to_array());
    }
}
