//! The Fourier transform against NumPy: `tests/reference/fft.py` made the vectors.

use orrery_kernels::fft::{Fft, convolve};
use orrery_kernels::math::{cos, sin};
use orrery_reference::{Value, list, numbers, vectors, whole};

fn reference() -> Value {
    vectors(include_str!("../../../tests/reference/fft.json"))
}

/// `x_j = cos(j² + 1) + i sin(3j² + j)`.
fn signal(n: usize) -> (Vec<f64>, Vec<f64>) {
    (0..n).map(|j| (cos((j * j + 1) as f64), sin((3 * j * j + j) as f64))).unzip()
}

#[test]
fn transforms_are_those_of_numpy() {
    for case in list(&reference()["transforms"]) {
        let n = whole(&case["n"]);
        let (mut re, mut im) = signal(n);
        Fft::new(n).forward(&mut re, &mut im);
        for ((k, expected_re), expected_im) in
            numbers(&case["k"]).iter().zip(numbers(&case["re"])).zip(numbers(&case["im"]))
        {
            let k = *k as usize;
            let apart = (re[k] - expected_re).abs().max((im[k] - expected_im).abs());
            assert!(apart < 1e-12, "n = {n}, k = {k}: {apart:e}");
        }
    }
}

#[test]
fn a_convolution_is_that_of_numpy() {
    let (found, expected) = (convolve(&signal(17).0, &signal(40).1), numbers(&reference()["convolution"]));
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-14));
}
