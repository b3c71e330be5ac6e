//! The Fourier transform of a real signal.

use super::stockham::fast_length;
use super::{Fft, Roots};
use crate::math::Float;

/// The coefficients `X_0 ..= X_{⌊n/2⌋}` of a real signal of `n` samples; the others are `X_{n−k} = X_k*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum<T> {
    /// Real parts.
    pub re: Vec<T>,
    /// Imaginary parts.
    pub im: Vec<T>,
}

impl<T: Float> Spectrum<T> {
    /// The product, coefficient by coefficient: the spectrum of the circular convolution.
    ///
    /// # Panics
    /// If the spectra are of different lengths.
    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.re.len(), other.re.len(), "coefficients of a spectrum");
        let (a, b) = (self.re.iter().zip(&self.im), other.re.iter().zip(&other.im));
        let product = a.zip(b).map(|((&a, &b), (&c, &d))| (a * c - b * d, a * d + b * c));
        let (re, im) = product.unzip();
        Self { re, im }
    }
}

/// A plan for the discrete Fourier transform of `n` real numbers. An even `n` is done at half the length.
#[derive(Clone, Debug)]
pub struct RealFft<T> {
    length: usize,
    plan: Fft<T>,
    /// `e^{−2πik/n}` for `k = 0 ..= n/2`; empty for odd `n`.
    twiddles: Vec<(T, T)>,
}

impl<T: Float> RealFft<T> {
    /// For `n` samples.
    pub fn new(n: usize) -> Self {
        if n % 2 == 1 || n == 0 {
            return Self { length: n, plan: Fft::new(n), twiddles: Vec::new() };
        }
        let roots = Roots::new(n);
        let twiddle = |k: i64| (T::of(roots.at(-k).re), T::of(roots.at(-k).im));
        Self { length: n, plan: Fft::new(n / 2), twiddles: (0..=n as i64 / 2).map(twiddle).collect() }
    }

    /// For at least `n` samples, at a length that is fast.
    pub fn at_least(n: usize) -> Self {
        Self::new(fast_length(n))
    }

    /// `n`.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The spectrum of a signal; zeros follow one that is shorter than `n`.
    ///
    /// # Panics
    /// If the signal is longer.
    pub fn spectrum(&mut self, x: &[T]) -> Spectrum<T> {
        assert!(x.len() <= self.length, "{} samples, room for {}", x.len(), self.length);
        let zeros = |n| vec![T::default(); n];
        if self.twiddles.is_empty() {
            let (mut re, mut im) = (zeros(self.length), zeros(self.length));
            re[..x.len()].copy_from_slice(x);
            self.plan.forward(&mut re, &mut im);
            let half = (self.length / 2 + 1).min(self.length);
            re.truncate(half);
            im.truncate(half);
            return Spectrum { re, im };
        }
        // Z is the transform of z_j = x_{2j} + i x_{2j+1}; even and odd samples are its conjugate-even and -odd parts.
        let half = self.length / 2;
        let (mut re, mut im) = (zeros(half + 1), zeros(half + 1));
        let (pairs, rest) = x.as_chunks::<2>();
        for ((pair, re), im) in pairs.iter().zip(&mut re).zip(&mut im) {
            (*re, *im) = (pair[0], pair[1]);
        }
        if let [last] = rest {
            re[pairs.len()] = *last;
        }
        self.plan.forward(&mut re[..half], &mut im[..half]);
        (re[half], im[half]) = (re[0], im[0]);
        self.mirror(&mut re, &mut im, T::of(1.0));
        Spectrum { re, im }
    }

    /// The signal of a spectrum.
    ///
    /// # Panics
    /// If it has not the coefficients of `n` samples.
    pub fn samples(&mut self, spectrum: &Spectrum<T>) -> Vec<T> {
        let count = if self.length == 0 { 0 } else { self.length / 2 + 1 };
        assert_eq!((spectrum.re.len(), spectrum.im.len()), (count, count), "coefficients of a spectrum");
        let (mut re, mut im) = (spectrum.re.clone(), spectrum.im.clone());
        if self.length == 0 {
            return Vec::new();
        }
        if self.twiddles.is_empty() {
            let mirrored = 1..self.length.div_ceil(2);
            re.extend(spectrum.re[mirrored.clone()].iter().rev());
            im.extend(spectrum.im[mirrored].iter().rev().map(|&im| -im));
            self.plan.inverse(&mut re, &mut im);
            return re;
        }
        let half = self.length / 2;
        self.mirror(&mut re, &mut im, T::of(-1.0));
        self.plan.inverse(&mut re[..half], &mut im[..half]);
        re.iter().zip(&im).take(half).flat_map(|(&re, &im)| [re, im]).collect()
    }

    /// `X_k = ½ (Z_k + Z*_{h−k}) − ½ iσ e^{−σ2πik/n} (Z_k − Z*_{h−k})` for `k = 0 ..= h`, `h = n/2`, in place: from the
    /// transform `Z` of the pairs to the spectrum with `σ = 1`, and back with `σ = −1`.
    fn mirror(&self, re: &mut [T], im: &mut [T], sign: T) {
        let (half, one_half) = (self.length / 2, T::of(0.5));
        for k in 0..=half / 2 {
            let l = half - k;
            let (sum_re, sum_im) = (one_half * (re[k] + re[l]), one_half * (im[k] - im[l]));
            let (apart_re, apart_im) = (one_half * (re[k] - re[l]), one_half * (im[k] + im[l]));
            // −iσ times the twiddle, e^{∓2πik/n}.
            let (cos, sin) = self.twiddles[k];
            let (turn_re, turn_im) = (sin, -(sign * cos));
            let (odd_re, odd_im) = (turn_re * apart_re - turn_im * apart_im, turn_re * apart_im + turn_im * apart_re);
            (re[k], im[k]) = (sum_re + odd_re, sum_im + odd_im);
            (re[l], im[l]) = (sum_re - odd_re, odd_im - sum_im);
        }
    }
}
