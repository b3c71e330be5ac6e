//! Inner products of vectors.

use super::Complex;

/// `Σ_i a_i b_i`, in order.
pub fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `Σ_i a_i* b_i`, in four running sums so that neither waits for the other.
pub fn dot(a: &[Complex<f64>], b: &[Complex<f64>]) -> Complex<f64> {
    let mut sums = [Complex::new(0.0, 0.0); 4];
    let (a4, b4) = (a.chunks_exact(4), b[..a.len()].chunks_exact(4));
    let rest = a4.remainder().iter().zip(b4.remainder());
    let rest: Complex<f64> = rest.map(|(a, b)| a.conj() * b).sum();
    for (a, b) in a4.zip(b4) {
        for k in 0..4 {
            sums[k].re += a[k].re * b[k].re + a[k].im * b[k].im;
            sums[k].im += a[k].re * b[k].im - a[k].im * b[k].re;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}
