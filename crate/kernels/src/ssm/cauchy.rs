//! Sums of simple poles: transfer functions.

use crate::linalg::Complex;

/// `Σ_n w_n / (s_m − λ_n)` at each node `s_m`: a Cauchy product, the transfer function `C (sI − Λ)⁻¹ B` of a diagonal
/// system with `w_n = C_n B_n`. Infinite at a pole.
///
/// # Panics
/// If there are not as many weights as poles.
pub fn cauchy(weights: &[Complex<f64>], poles: &[Complex<f64>], nodes: &[Complex<f64>]) -> Vec<Complex<f64>> {
    let nodes: Vec<_> = nodes.iter().map(|s| (*s, Complex::new(1.0, 0.0))).collect();
    let [sums] = cauchy_homogeneous([weights], poles, &nodes);
    sums
}

/// Nodes side by side in registers.
const LANES: usize = 4;

/// `Σ_n w_n / (α_m − β_m λ_n)` for several weights at once: the nodes are `s = α/β`, and may lie at infinity.
pub(super) fn cauchy_homogeneous<const K: usize>(
    weights: [&[Complex<f64>]; K],
    poles: &[Complex<f64>],
    nodes: &[(Complex<f64>, Complex<f64>)],
) -> [Vec<Complex<f64>>; K] {
    for weights in weights {
        assert_eq!(weights.len(), poles.len(), "a weight for each pole");
    }
    let mut sums = weights.map(|_| Vec::with_capacity(nodes.len()));
    for nodes in nodes.chunks(LANES) {
        let (mut alpha, mut beta) = ([[0.0; LANES]; 2], [[0.0; LANES]; 2]);
        for (m, (a, b)) in nodes.iter().enumerate() {
            (alpha[0][m], alpha[1][m]) = (a.re, a.im);
            (beta[0][m], beta[1][m]) = (b.re, b.im);
        }
        let (mut re, mut im) = ([[0.0; LANES]; K], [[0.0; LANES]; K]);
        for (n, pole) in poles.iter().enumerate() {
            let (mut inverse_re, mut inverse_im) = ([0.0; LANES], [0.0; LANES]);
            for m in 0..LANES {
                let x = alpha[0][m] - (beta[0][m] * pole.re - beta[1][m] * pole.im);
                let y = alpha[1][m] - (beta[0][m] * pole.im + beta[1][m] * pole.re);
                let size = 1.0 / (x * x + y * y);
                inverse_re[m] = x * size;
                inverse_im[m] = -y * size;
            }
            for k in 0..K {
                let weight = weights[k][n];
                for m in 0..LANES {
                    re[k][m] += weight.re * inverse_re[m] - weight.im * inverse_im[m];
                    im[k][m] += weight.re * inverse_im[m] + weight.im * inverse_re[m];
                }
            }
        }
        for k in 0..K {
            sums[k].extend((0..nodes.len()).map(|m| Complex::new(re[k][m], im[k][m])));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn complex() -> impl Strategy<Value = Complex<f64>> {
        (0.1_f64..3.0, -3.0_f64..3.0).prop_map(|(re, im)| Complex::new(re, im))
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_its_poles(
            terms in prop::collection::vec((complex(), complex()), 0..9), nodes in prop::collection::vec(complex(), 0..9),
        ) {
            let (weights, poles): (Vec<_>, Vec<_>) = terms.into_iter().map(|(w, pole)| (w, -pole)).unzip();
            let found = cauchy(&weights, &poles, &nodes);
            prop_assert_eq!(found.len(), nodes.len());
            for (found, s) in found.iter().zip(nodes) {
                let expected: Complex<f64> = weights.iter().zip(&poles).map(|(w, pole)| w / (s - pole)).sum();
                prop_assert!((found - expected).norm_sqr().sqrt() < 1e-12);
            }
        }
    }
}
