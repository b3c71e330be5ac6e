//! The Fourier transform of a length made of the factors 2, 3 and 5.
//!
//! Stockham's autosort algorithm (C. Van Loan, *Computational Frameworks for the Fast Fourier Transform*, 1992, 1.7): a
//! pass of radix `R` on the remaining length `n = R m`, with the results of the passes before it lying `s` apart, takes
//! `x` to
//!
//! `y[q + s (R p + k)] = ω_n^{pk} Σ_j ω_R^{jk} x[q + s (p + m j)]`, with `ω_n = e^{-2πi/n}`,
//!
//! so that no digits have to be reversed at the end. Real and imaginary parts lie in arrays of their own, and the inner
//! loop runs over `W` neighbouring numbers in SIMD registers; with `W = 1` it is its own scalar twin.

#![expect(
    clippy::needless_range_loop,
    reason = "by index these short loops stay in registers, by iterator half as fast"
)]

use super::Roots;
use crate::math::Float;

/// Twiddle factors stand in groups of this many: the widest `W`.
const LANES: usize = 4;

/// Keeps real and imaginary parts of a length that is a power of two off each other's places in the cache.
const GAP: usize = 80;

/// A transform of one length.
#[derive(Clone, Debug)]
pub(super) struct Stockham<T> {
    passes: Vec<Pass<T>>,
}

#[derive(Clone, Debug)]
struct Pass<T> {
    radix: usize,
    /// `m`.
    groups: usize,
    /// `s`.
    stride: usize,
    /// `ω_n^{pk}`, `p = 0 .. m`, `k = 1 .. R`: for every four `p` in turn, for each `k` the real parts, then the
    /// imaginary parts of the four.
    twiddles: Vec<T>,
}

/// The radices that multiply to `n`; None if it has another prime factor.
///
/// Fours come first: after one of them every stride is a multiple of four, and registers are full.
pub(super) fn radices(n: usize) -> Option<Vec<usize>> {
    let (mut left, mut radices) = (n, Vec::new());
    for radix in [4, 2, 3, 5] {
        while left > 1 && left.is_multiple_of(radix) {
            radices.push(radix);
            left /= radix;
        }
    }
    (left == 1).then_some(radices)
}

/// The least multiple of eight that is at least `n` and has radices.
pub(super) fn fast_length(n: usize) -> usize {
    let mut length = n.max(1).next_multiple_of(8);
    while radices(length).is_none() {
        length += 8;
    }
    length
}

/// Numbers that a transform of `n` works in.
pub(super) fn space(n: usize) -> usize {
    2 * n + GAP
}

impl<T: Float> Stockham<T> {
    pub(super) fn new(radices: &[usize]) -> Self {
        let mut length: usize = radices.iter().product();
        let roots = Roots::new(length);
        let mut stride = 1;
        let pass = |&radix: &usize| {
            let groups = length / radix;
            let mut twiddles = Vec::with_capacity(groups.next_multiple_of(LANES) * 2 * (radix - 1));
            for block in (0..groups).step_by(LANES) {
                for k in 1..radix {
                    let root = |i: usize| roots.at(-((stride * (block + i) * k) as i64));
                    twiddles.extend((0..LANES).map(|i| T::of(root(i).re)));
                    twiddles.extend((0..LANES).map(|i| T::of(root(i).im)));
                }
            }
            let pass = Pass { radix, groups, stride, twiddles };
            length = groups;
            stride *= radix;
            pass
        };
        Self { passes: radices.iter().map(pass).collect() }
    }

    /// `X_k = Σ_j x_j e^{-2πijk/n}` in place, working in the [`space`] for the length.
    pub(super) fn forward(&self, re: &mut [T], im: &mut [T], space: &mut [T]) {
        // A 128-bit register for the real parts, one for the imaginary parts.
        match size_of::<T>() {
            4 => self.run::<4>(re, im, space),
            _ => self.run::<2>(re, im, space),
        }
    }

    fn run<const W: usize>(&self, re: &mut [T], im: &mut [T], space: &mut [T]) {
        let (other_re, other_im) = space.split_at_mut(re.len() + GAP);
        let (other_re, other_im) = (&mut other_re[..re.len()], &mut other_im[..re.len()]);
        let (mut from, mut to) = ((re, im), (other_re, other_im));
        for pass in &self.passes {
            match pass.radix {
                2 => pass.apply::<2, W>((from.0, from.1), (to.0, to.1)),
                3 => pass.apply::<3, W>((from.0, from.1), (to.0, to.1)),
                4 => pass.apply::<4, W>((from.0, from.1), (to.0, to.1)),
                _ => pass.apply::<5, W>((from.0, from.1), (to.0, to.1)),
            }
            std::mem::swap(&mut from, &mut to);
        }
        if self.passes.len() % 2 == 1 {
            to.0.copy_from_slice(from.0);
            to.1.copy_from_slice(from.1);
        }
    }
}

impl<T: Float> Pass<T> {
    fn apply<const R: usize, const W: usize>(&self, from: (&[T], &[T]), to: (&mut [T], &mut [T])) {
        match (self.stride, self.groups) {
            (1, _) => self.first::<R, W>(from, to),
            (_, 1) => row::<T, R, W>(from, to, (0, self.stride), self.stride, None),
            _ => self.middle::<R, W>(from, to),
        }
    }

    /// The pass with stride one: a register holds neighbouring `p`, which are stored `R` apart.
    fn first<const R: usize, const W: usize>(&self, from: (&[T], &[T]), to: (&mut [T], &mut [T])) {
        let m = self.groups;
        let full = m - m % W;
        assert!(from.0.len() == R * m && from.1.len() == R * m, "numbers of a pass");
        for p in (0..full).step_by(W) {
            let mut y = [Lanes::<T, W>::zero(); R];
            for j in 0..R {
                // SAFETY: `p + W <= m`, so that the last number read is number `R m − 1` at most.
                y[j] = unsafe { Lanes::load(from, p + m * j) };
            }
            butterfly(&mut y);
            for k in 1..R {
                let at = self.twiddle::<R>(p, k);
                y[k] = y[k].times(Lanes::new(&self.twiddles[at..at + W], &self.twiddles[at + LANES..at + LANES + W]));
            }
            let (re, im) = (&mut to.0[R * p..R * (p + W)], &mut to.1[R * p..R * (p + W)]);
            for i in 0..W {
                for k in 0..R {
                    re[R * i + k] = y[k].re[i];
                    im[R * i + k] = y[k].im[i];
                }
            }
        }
        for p in full..m {
            let to = (&mut to.0[R * p..R * (p + 1)], &mut to.1[R * p..R * (p + 1)]);
            row::<T, R, 1>(from, to, (p, m), 1, Some(self.scalars(p)));
        }
    }

    fn middle<const R: usize, const W: usize>(&self, from: (&[T], &[T]), to: (&mut [T], &mut [T])) {
        let (m, s) = (self.groups, self.stride);
        let rows = to.0.chunks_exact_mut(R * s).zip(to.1.chunks_exact_mut(R * s));
        for (p, to) in rows.enumerate() {
            row::<T, R, W>(from, to, (s * p, s * m), s, Some(self.scalars(p)));
        }
    }

    /// Where `ω_n^{pk}` stands.
    fn twiddle<const R: usize>(&self, p: usize, k: usize) -> usize {
        ((p / LANES) * (R - 1) + (k - 1)) * 2 * LANES + p % LANES
    }

    /// `ω_n^{pk}` for `k = 0 .. R`.
    #[inline(always)]
    fn scalars<const R: usize>(&self, p: usize) -> [(T, T); R] {
        let mut scalars = [(T::of(1.0), T::of(0.0)); R];
        for k in 1..R {
            let at = self.twiddle::<R>(p, k);
            scalars[k] = (self.twiddles[at], self.twiddles[at + LANES]);
        }
        scalars
    }
}

/// All `q` of one `p`: `s` butterflies with the same twiddle factors, their inputs `step` apart from `start` on.
#[inline(always)]
fn row<T: Float, const R: usize, const W: usize>(
    from: (&[T], &[T]),
    to: (&mut [T], &mut [T]),
    (start, step): (usize, usize),
    s: usize,
    twiddles: Option<[(T, T); R]>,
) {
    let (last, count) = (start + step * (R - 1) + s, R * s);
    assert!(from.0.len() >= last && from.1.len() >= last && to.0.len() >= count && to.1.len() >= count);
    let full = s - s % W;
    // SAFETY: with `q + W <= s` (`q < s` for single numbers) the numbers read end at `last`, those written at `R s`.
    for q in (0..full).step_by(W) {
        unsafe { columns::<T, R, W>(from, (&mut *to.0, &mut *to.1), (start + q, step), (q, s), twiddles) };
    }
    for q in full..s {
        unsafe { columns::<T, R, 1>(from, (&mut *to.0, &mut *to.1), (start + q, step), (q, s), twiddles) };
    }
}

/// `W` butterflies side by side, their inputs `step` apart from `start` on, their outputs `s` apart from `q` on.
///
/// # Safety
/// `from` must reach to `start + (R − 1) step + W`, `to` to `q + (R − 1) s + W`.
#[inline(always)]
unsafe fn columns<T: Float, const R: usize, const W: usize>(
    from: (&[T], &[T]),
    to: (&mut [T], &mut [T]),
    (start, step): (usize, usize),
    (q, s): (usize, usize),
    twiddles: Option<[(T, T); R]>,
) {
    let mut y = [Lanes::<T, W>::zero(); R];
    for j in 0..R {
        // SAFETY: the caller's promise.
        y[j] = unsafe { Lanes::load(from, start + step * j) };
    }
    butterfly(&mut y);
    if let Some(twiddles) = twiddles {
        for k in 1..R {
            let (re, im) = twiddles[k];
            y[k] = y[k].times(Lanes { re: [re; W], im: [im; W] });
        }
    }
    for k in 0..R {
        // SAFETY: the caller's promise.
        unsafe { y[k].store((&mut *to.0, &mut *to.1), q + s * k) };
    }
}

/// `W` complex numbers.
#[derive(Clone, Copy)]
struct Lanes<T, const W: usize> {
    re: [T; W],
    im: [T; W],
}

impl<T: Float, const W: usize> Lanes<T, W> {
    #[inline(always)]
    fn zero() -> Self {
        Self { re: [T::default(); W], im: [T::default(); W] }
    }

    #[inline(always)]
    fn new(re: &[T], im: &[T]) -> Self {
        let mut lanes = Self::zero();
        lanes.re.copy_from_slice(re);
        lanes.im.copy_from_slice(im);
        lanes
    }

    /// # Safety
    /// `at + W` must not pass the end of either slice.
    #[inline(always)]
    unsafe fn load((re, im): (&[T], &[T]), at: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::new(re.get_unchecked(at..at + W), im.get_unchecked(at..at + W)) }
    }

    /// # Safety
    /// `at + W` must not pass the end of either slice.
    #[inline(always)]
    unsafe fn store(&self, (re, im): (&mut [T], &mut [T]), at: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            re.get_unchecked_mut(at..at + W).copy_from_slice(&self.re);
            im.get_unchecked_mut(at..at + W).copy_from_slice(&self.im);
        }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let mut sum = self;
        for i in 0..W {
            sum.re[i] += other.re[i];
            sum.im[i] += other.im[i];
        }
        sum
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let mut difference = self;
        for i in 0..W {
            difference.re[i] = self.re[i] - other.re[i];
            difference.im[i] = self.im[i] - other.im[i];
        }
        difference
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        let mut product = self;
        for i in 0..W {
            product.re[i] = self.re[i] * other.re[i] - self.im[i] * other.im[i];
            product.im[i] = self.re[i] * other.im[i] + self.im[i] * other.re[i];
        }
        product
    }

    #[inline(always)]
    fn scaled(self, factor: f64) -> Self {
        let (mut scaled, factor) = (self, T::of(factor));
        for i in 0..W {
            scaled.re[i] = self.re[i] * factor;
            scaled.im[i] = self.im[i] * factor;
        }
        scaled
    }

    /// Times `−i`.
    #[inline(always)]
    fn turned(self) -> Self {
        let mut turned = self;
        for i in 0..W {
            turned.re[i] = self.im[i];
            turned.im[i] = -self.re[i];
        }
        turned
    }
}

/// cos 2π/5, cos 4π/5, sin 2π/5, sin 4π/5, and sin 2π/3.
const COS_72: f64 = 0.309_016_994_374_947_45;
const COS_144: f64 = -0.809_016_994_374_947_5;
const SIN_72: f64 = 0.951_056_516_295_153_5;
const SIN_144: f64 = 0.587_785_252_292_473_1;
const SIN_120: f64 = 0.866_025_403_784_438_6;

/// The Fourier transform of length `R`.
#[inline(always)]
fn butterfly<T: Float, const R: usize, const W: usize>(x: &mut [Lanes<T, W>; R]) {
    match R {
        2 => (x[0], x[1]) = (x[0].plus(x[1]), x[0].minus(x[1])),
        3 => {
            let (sum, turn) = (x[1].plus(x[2]), x[1].minus(x[2]).turned().scaled(SIN_120));
            let middle = x[0].minus(sum.scaled(0.5));
            (x[0], x[1], x[2]) = (x[0].plus(sum), middle.plus(turn), middle.minus(turn));
        }
        4 => {
            let (even, odd) = (x[0].plus(x[2]), x[1].plus(x[3]));
            let (across, turn) = (x[0].minus(x[2]), x[1].minus(x[3]).turned());
            (x[0], x[1], x[2], x[3]) = (even.plus(odd), across.plus(turn), even.minus(odd), across.minus(turn));
        }
        _ => {
            let (near, far) = (x[1].plus(x[4]), x[2].plus(x[3]));
            let (near_turn, far_turn) = (x[1].minus(x[4]).turned(), x[2].minus(x[3]).turned());
            let first = x[0].plus(near.scaled(COS_72)).plus(far.scaled(COS_144));
            let second = x[0].plus(near.scaled(COS_144)).plus(far.scaled(COS_72));
            let first_turn = near_turn.scaled(SIN_72).plus(far_turn.scaled(SIN_144));
            let second_turn = near_turn.scaled(SIN_144).minus(far_turn.scaled(SIN_72));
            x[0] = x[0].plus(near).plus(far);
            (x[1], x[4]) = (first.plus(first_turn), first.minus(first_turn));
            (x[2], x[3]) = (second.plus(second_turn), second.minus(second_turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run<T: Float, const W: usize>(x: &[(f64, f64)]) -> (Vec<T>, Vec<T>) {
        let mut re: Vec<T> = x.iter().map(|x| T::of(x.0)).collect();
        let mut im: Vec<T> = x.iter().map(|x| T::of(x.1)).collect();
        let plan = Stockham::new(&radices(x.len()).unwrap());
        plan.run::<W>(&mut re, &mut im, &mut vec![T::default(); space(x.len())]);
        (re, im)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn full_registers_give_the_bits_of_single_numbers(
            twos in 0_u32..6, threes in 0_u32..3, fives in 0_u32..3, seed in 0_u32..1000,
        ) {
            let n = 2_usize.pow(twos) * 3_usize.pow(threes) * 5_usize.pow(fives);
            let noise = |i: usize| f64::from((i as u32 + seed).wrapping_mul(2_654_435_761) >> 8) / 1e7 - 0.8;
            let x: Vec<_> = (0..n).map(|i| (noise(i), noise(i + n))).collect();
            prop_assert_eq!(run::<f64, 2>(&x), run::<f64, 1>(&x));
            prop_assert_eq!(run::<f32, 4>(&x), run::<f32, 1>(&x));
        }
    }

    #[test]
    fn other_primes_are_refused() {
        assert_eq!(radices(1), Some(vec![]));
        assert_eq!(radices(240), Some(vec![4, 4, 3, 5]));
        assert_eq!(radices(0), None);
        assert_eq!(radices(14), None);
    }
}
