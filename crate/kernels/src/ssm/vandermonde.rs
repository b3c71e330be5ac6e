//! Sums of geometric sequences: the kernel of a diagonal system.

use crate::linalg::{Complex, View, matmul};

/// Terms that a table of powers holds; a sequence of `L` takes about `L / BLOCK` starts beside it.
const BLOCK: usize = 128;

/// `K_l = Re Σ_n w_n z_n^l`, `l = 0 .. length`: the real part of a Vandermonde product.
///
/// With `l = B i + j` it is `Σ_n (w_n z_n^{Bi}) z_n^j`, one product of two small tables of powers.
///
/// # Panics
/// If there are not as many weights as nodes.
pub fn vandermonde(weights: &[Complex<f64>], nodes: &[Complex<f64>], length: usize) -> Vec<f64> {
    assert_eq!(weights.len(), nodes.len(), "a weight for each node");
    let (starts, columns) = (starts(nodes, length), 2 * nodes.len());
    // Re (w z^{Bi} z^j) is the product of the rows (Re, −Im) of the one with the columns (Re, Im) of the other.
    let rows = starts.chunks_exact(nodes.len().max(1)).flat_map(|row| {
        row.iter().zip(weights).flat_map(|(start, weight)| {
            let start = start * weight;
            [start.re, -start.im]
        })
    });
    let rows: Vec<f64> = rows.collect();
    let count = rows.len().checked_div(columns).unwrap_or(0);
    let table = table(nodes);
    let mut kernel = matmul(View::by_rows(&rows, count, columns), View::by_rows(&table, columns, BLOCK));
    kernel.resize(length, 0.0);
    kernel
}

/// The gradient of `f(K)` in the weights and the nodes of [`vandermonde`], from `g_l = ∂f/∂K_l`. The real part of each
/// entry is the derivative by the real part, the imaginary part that by the imaginary part:
/// `(Σ_l g_l z_n^l)*` and `(w_n Σ_l l g_l z_n^{l−1})*`.
///
/// # Panics
/// If there are not as many weights as nodes.
pub fn vandermonde_gradient(
    weights: &[Complex<f64>],
    nodes: &[Complex<f64>],
    g: &[f64],
) -> (Vec<Complex<f64>>, Vec<Complex<f64>>) {
    assert_eq!(weights.len(), nodes.len(), "a weight for each node");
    let by_weight = moments(nodes, g).into_iter().map(|sum| sum.conj()).collect();
    // Σ_l l g_l z^{l−1} is the sum with (l + 1) g_{l+1} for g_l.
    let slopes: Vec<f64> = g.iter().enumerate().skip(1).map(|(l, g)| l as f64 * g).collect();
    let by_node = moments(nodes, &slopes).into_iter().zip(weights).map(|(sum, weight)| (sum * weight).conj());
    (by_weight, by_node.collect())
}

/// `Σ_l g_l z_n^l` for each node.
fn moments(nodes: &[Complex<f64>], g: &[f64]) -> Vec<Complex<f64>> {
    let (columns, count) = (2 * nodes.len(), g.len().div_ceil(BLOCK));
    let mut padded = g.to_vec();
    padded.resize(count * BLOCK, 0.0);
    let table = table(nodes);
    let parts = matmul(View::by_rows(&padded, count, BLOCK), View::by_rows(&table, columns, BLOCK).t());
    let mut sums = vec![Complex::new(0.0, 0.0); nodes.len()];
    let starts = starts(nodes, g.len());
    for (part, start) in
        parts.as_chunks::<2>().0.chunks_exact(nodes.len().max(1)).zip(starts.chunks_exact(nodes.len().max(1)))
    {
        for ((sum, part), start) in sums.iter_mut().zip(part).zip(start) {
            *sum += Complex::new(part[0], part[1]) * start;
        }
    }
    sums
}

/// `z_n^{Bi}` by rows of `i`, as many as `length` takes.
fn starts(nodes: &[Complex<f64>], length: usize) -> Vec<Complex<f64>> {
    let leaps: Vec<_> = nodes.iter().map(|z| power(*z, BLOCK)).collect();
    let mut row = vec![Complex::new(1.0, 0.0); nodes.len()];
    let mut starts = Vec::with_capacity(nodes.len() * length.div_ceil(BLOCK));
    for _ in 0..length.div_ceil(BLOCK) {
        starts.extend_from_slice(&row);
        row.iter_mut().zip(&leaps).for_each(|(z, leap)| *z *= leap);
    }
    starts
}

/// For each node a row of the real parts of its powers `0 .. B`, and a row of the imaginary parts.
fn table(nodes: &[Complex<f64>]) -> Vec<f64> {
    let mut table = vec![0.0; 2 * nodes.len() * BLOCK];
    for (rows, z) in table.chunks_exact_mut(2 * BLOCK).zip(nodes) {
        let (re, im) = rows.split_at_mut(BLOCK);
        powers(*z, re, im);
    }
    table
}

/// `1, z, z², …`, real and imaginary parts apart.
pub(super) fn powers(z: Complex<f64>, re: &mut [f64], im: &mut [f64]) {
    let mut power = Complex::new(1.0, 0.0);
    for (re, im) in re.iter_mut().zip(im) {
        (*re, *im) = (power.re, power.im);
        power *= z;
    }
}

/// `z^n` by repeated squaring.
pub(super) fn power(z: Complex<f64>, n: usize) -> Complex<f64> {
    let (mut square, mut power, mut left) = (z, Complex::new(1.0, 0.0), n);
    while left > 0 {
        if left & 1 == 1 {
            power *= square;
        }
        square *= square;
        left >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn complex(radius: f64) -> impl Strategy<Value = Complex<f64>> {
        (0.0..radius, 0.0_f64..6.3).prop_map(|(r, angle)| {
            let (sin, cos) = crate::math::sincos(angle);
            Complex::new(r * cos, r * sin)
        })
    }

    fn modes() -> impl Strategy<Value = Vec<(Complex<f64>, Complex<f64>)>> {
        prop::collection::vec((complex(2.0), complex(1.0)), 0..9)
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_its_sequences(modes in modes(), length in 0_usize..400) {
            let (weights, nodes): (Vec<_>, Vec<_>) = modes.into_iter().unzip();
            let found = vandermonde(&weights, &nodes, length);
            prop_assert_eq!(found.len(), length);
            let mut terms = weights.clone();
            for found in found {
                prop_assert!((found - terms.iter().map(|term| term.re).sum::<f64>()).abs() < 1e-12);
                terms.iter_mut().zip(&nodes).for_each(|(term, z)| *term *= z);
            }
        }

        // f = Σ_l g_l K_l is linear in the weights, and a polynomial in a node.
        #[test]
        fn the_gradient_is_the_slope(modes in modes(), length in 0_usize..300, turn in complex(1.0)) {
            let (weights, nodes): (Vec<_>, Vec<_>) = modes.into_iter().unzip();
            let g: Vec<f64> = (0..length).map(|l| f64::from((l * l % 19) as u8) / 9.0 - 1.0).collect();
            let f = |weights: &[_], nodes: &[_]| -> f64 {
                vandermonde(weights, nodes, length).iter().zip(&g).map(|(k, g)| k * g).sum()
            };
            let (by_weight, by_node) = vandermonde_gradient(&weights, &nodes, &g);
            for n in 0..nodes.len() {
                let along = |gradient: Complex<f64>| gradient.re * turn.re + gradient.im * turn.im;
                let moved = |of: &[Complex<f64>], by: f64| {
                    let mut of = of.to_vec();
                    of[n] += turn * by;
                    of
                };
                let slope = (f(&moved(&weights, 0.5), &nodes) - f(&moved(&weights, -0.5), &nodes)) / 1.0;
                prop_assert!((slope - along(by_weight[n])).abs() < 1e-10 * (1.0 + slope.abs()));
                if nodes[n].norm_sqr() < 0.9 {
                    let h = 1e-5;
                    let slope = (f(&weights, &moved(&nodes, h)) - f(&weights, &moved(&nodes, -h))) / (2.0 * h);
                    prop_assert!((slope - along(by_node[n])).abs() < 1e-4 * (1.0 + slope.abs()));
                }
            }
        }
    }
}
