//! Convolution through the Fourier transform.

use super::RealFft;
use crate::math::Float;

/// The linear convolution `Σ_i a_i b_{j−i}`, `a.len() + b.len() − 1` numbers; none if either is empty. A causal filter's
/// response to `n` samples is its first `n`.
///
/// For many products with one signal, keep its [`spectrum`](RealFft::spectrum) instead.
pub fn convolve<T: Float>(a: &[T], b: &[T]) -> Vec<T> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    let length = a.len() + b.len() - 1;
    let mut fft = RealFft::at_least(length);
    let product = fft.spectrum(a).times(&fft.spectrum(b));
    let mut samples = fft.samples(&product);
    samples.truncate(length);
    samples
}

/// The correlation `Σ_i a_{i+j} b_i`, `j = 0 .. a.len()`: the adjoint of causal convolution. Where `y` is as much of the
/// convolution of `k` and `u` as `k` is long, the gradient in `k` of a function of `y` is the correlation of its gradient
/// in `y` with `u`.
pub fn correlate<T: Float>(a: &[T], b: &[T]) -> Vec<T> {
    let reversed: Vec<T> = b.iter().rev().copied().collect();
    let mut both = convolve(a, &reversed);
    both.drain(..b.len().saturating_sub(1).min(both.len()));
    both.resize(a.len(), T::default());
    both
}

/// The circular convolution `Σ_i a_i b_{(j−i) mod n}` of two signals of `n` samples.
///
/// # Panics
/// If they are of different lengths.
pub fn convolve_circular<T: Float>(a: &[T], b: &[T]) -> Vec<T> {
    assert_eq!(a.len(), b.len(), "samples around the circle");
    let mut fft = RealFft::new(a.len());
    let product = fft.spectrum(a).times(&fft.spectrum(b));
    fft.samples(&product)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signal() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-1.0_f64..1.0, 1..200)
    }

    proptest! {
        #[test]
        fn convolution_is_its_sum(a in signal(), b in signal()) {
            let mut expected = vec![0.0; a.len() + b.len() - 1];
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    expected[i + j] += a * b;
                }
            }
            let found = convolve(&a, &b);
            prop_assert_eq!(found.len(), expected.len());
            prop_assert!(found.iter().zip(&expected).all(|(x, y)| (x - y).abs() < 1e-13));

            let n = a.len().min(b.len());
            let mut around = vec![0.0; n];
            for (i, a) in a[..n].iter().enumerate() {
                for (j, b) in b[..n].iter().enumerate() {
                    around[(i + j) % n] += a * b;
                }
            }
            let found = convolve_circular(&a[..n], &b[..n]);
            prop_assert!(found.iter().zip(&around).all(|(x, y)| (x - y).abs() < 1e-13));
        }

        #[test]
        fn correlation_is_the_adjoint_of_convolution(k in signal(), u in signal(), seed in 0.0_f64..6.0) {
            let g: Vec<f64> = (0..k.len()).map(|j| crate::math::sin(seed + (j * j) as f64)).collect();
            let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            prop_assert!((inner(&convolve(&k, &u), &g) - inner(&k, &correlate(&g, &u))).abs() < 1e-11);
        }

        #[test]
        fn samples_have_their_spectrum_and_a_spectrum_its_samples(x in signal()) {
            let (mut fft, n) = (RealFft::new(x.len()), x.len());
            let spectrum = fft.spectrum(&x);
            let (mut re, mut im) = (x.clone(), vec![0.0; n]);
            super::super::Fft::new(n).forward(&mut re, &mut im);
            prop_assert_eq!(spectrum.re.len(), n / 2 + 1);
            for k in 0..=n / 2 {
                prop_assert!((spectrum.re[k] - re[k]).abs() + (spectrum.im[k] - im[k]).abs() < 1e-13 * n as f64);
            }
            let back = fft.samples(&spectrum);
            prop_assert_eq!(back.len(), n);
            prop_assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-14));
        }
    }

    #[test]
    fn nothing_convolves_to_nothing() {
        assert_eq!(convolve::<f64>(&[], &[1.0]), []);
        assert_eq!(correlate::<f64>(&[], &[1.0, 2.0]), []);
        assert_eq!(correlate::<f64>(&[1.0], &[]), [0.0]);
        assert_eq!(convolve_circular::<f64>(&[], &[]), []);
    }
}
