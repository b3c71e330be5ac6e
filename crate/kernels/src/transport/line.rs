//! Transport on a line, and by its projections onto lines.

use super::Error;
use super::error::{check_balance, check_finite};
use crate::math::pow;

/// The monotone coupling of masses `a` at `x` with masses `b` at `y`: entries `(i, j, mass)`, from left to right, at most
/// `x.len() + y.len() - 1` of them. It is optimal for every cost $h(x-y)$ with $h$ convex. Points of no mass take no part;
/// coincident points are served in their order.
///
/// # Errors
/// If a number is not finite, a mass negative, a side empty or without mass, or the masses of the two sides differ.
pub fn quantile_coupling(x: &[f64], a: &[f64], y: &[f64], b: &[f64]) -> Result<Vec<(usize, usize, f64)>, Error> {
    assert_eq!((x.len(), y.len()), (a.len(), b.len()), "one mass for each point");
    let total = check_balance(a, b)?;
    check_finite(x, "positions")?;
    check_finite(y, "positions")?;
    let sorted = |at: &[f64], masses: &[f64]| {
        let mut order: Vec<usize> = (0..at.len()).filter(|&i| masses[i] > 0.0).collect();
        order.sort_by(|&i, &j| at[i].total_cmp(&at[j]));
        order
    };
    let (from, to) = (sorted(x, a), sorted(y, b));
    let scale = total / b.iter().sum::<f64>();
    let mut coupling = Vec::with_capacity(from.len() + to.len());
    // What of the point at hand is not yet moved, and not yet filled.
    let (mut i, mut j) = (0, 0);
    let (mut left, mut room) = (a[from[0]], b[to[0]] * scale);
    loop {
        let (last_from, last_to) = (i + 1 == from.len(), j + 1 == to.len());
        // The last point takes what there is: sums of masses differ by rounding.
        let mass = match (last_from, last_to) {
            (true, false) => room,
            (false, true) => left,
            _ => left.min(room),
        };
        if mass > 0.0 {
            coupling.push((from[i], to[j], mass));
        }
        if last_from && last_to {
            return Ok(coupling);
        }
        if !last_from && (last_to || left <= room) {
            room -= left;
            i += 1;
            left = a[from[i]];
        } else {
            left -= room;
            j += 1;
            room = b[to[j]] * scale;
        }
    }
}

/// $W_p^p=\int_0^1|F_x^{-1}-F_y^{-1}|^p$, for $p\ge1$, between masses `a` at `x` and masses `b` at `y`, times their total.
///
/// # Errors
/// As for [`quantile_coupling`], and if `p` is below 1.
pub fn line_cost(x: &[f64], a: &[f64], y: &[f64], b: &[f64], p: f64) -> Result<f64, Error> {
    if !(p >= 1.0 && p.is_finite()) {
        return Err(Error::PowerBelowOne);
    }
    let even = |masses: &[f64]| masses.windows(2).all(|pair| pair[0] == pair[1]);
    if a.len() == b.len() && even(a) && even(b) {
        // Equal masses are paired in order; this is the case of point clouds, which may be large.
        let total = check_balance(a, b)?;
        check_finite(x, "positions")?;
        check_finite(y, "positions")?;
        let sorted = |at: &[f64]| {
            let mut at = at.to_vec();
            at.sort_unstable_by(f64::total_cmp);
            at
        };
        let sum: f64 = sorted(x).iter().zip(sorted(y)).map(|(x, y)| power((x - y).abs(), p)).sum();
        return Ok(sum * (total / a.len() as f64));
    }
    Ok(quantile_coupling(x, a, y, b)?.into_iter().map(|(i, j, mass)| mass * power((x[i] - y[j]).abs(), p)).sum())
}

fn power(x: f64, p: f64) -> f64 {
    match p {
        1.0 => x,
        2.0 => x * x,
        _ => pow(x, p),
    }
}

/// $\langle x_i,\theta\rangle$ for points `x` by rows of `direction.len()` coordinates.
pub fn project(x: &[f64], direction: &[f64]) -> Vec<f64> {
    let product = |point: &[f64]| point.iter().zip(direction).map(|(x, t)| x * t).sum();
    x.chunks_exact(direction.len()).map(product).collect()
}

/// The sliced Wasserstein distance of given directions, $(\frac1L\sum_lW_p^p(\theta_l{}_\#\mu,\theta_l{}_\#\nu))^{1/p}$,
/// between masses `a` at points `x` and masses `b` at points `y`, by rows of `dimension` coordinates, as the directions
/// are. (Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein Barycenters of Measures", 2015.) Where many
/// points and directions would take too long at once, sum [`line_cost`] of [`project`]ed points direction by direction.
///
/// # Errors
/// As for [`line_cost`], and if there is no direction.
pub fn sliced_wasserstein(
    [x, a]: [&[f64]; 2],
    [y, b]: [&[f64]; 2],
    directions: &[f64],
    dimension: usize,
    p: f64,
) -> Result<f64, Error> {
    let mut sum = 0.0;
    let count = directions.len() / dimension;
    if count == 0 {
        return Err(Error::Empty);
    }
    check_finite(directions, "directions")?;
    for direction in directions.chunks_exact(dimension) {
        sum += line_cost(&project(x, direction), a, &project(y, direction), b, p)?;
    }
    Ok(pow(sum / count as f64, 1.0 / p))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Exact;
    use crate::transport::share;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_monotone_coupling_is_optimal(
            (m, n) in (1_usize..12, 1_usize..12), x in prop::collection::vec(-2.0_f64..2.0, 12),
            y in prop::collection::vec(prop_oneof![-2.0_f64..2.0, Just(0.5)], 12),
            masses in prop::collection::vec(0.01_f64..1.0, 24), p in prop_oneof![Just(1.0), Just(2.0), 1.0_f64..4.0],
        ) {
            let (x, y, a, b) = (&x[..m], &y[..n], share(&masses[..m]), share(&masses[12..12 + n]));
            let cost: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| pow((x - y).abs(), p))).collect();
            let mut exact = Exact::new(&cost, &a, &b).expect("a problem");
            while !exact.advance(100) {}
            let line = line_cost(x, &a, y, &b, p).expect("a problem");
            prop_assert!((line - exact.cost()).abs() < 1e-12 * (1.0 + line));
        }

        #[test]
        fn the_coupling_has_its_marginals_and_crosses_nowhere(
            (m, n) in (1_usize..12, 1_usize..12), x in prop::collection::vec(-2.0_f64..2.0, 24),
            masses in prop::collection::vec(prop_oneof![0.01_f64..1.0, Just(0.0)], 24),
        ) {
            prop_assume!(masses[..m].iter().sum::<f64>() > 0.0 && masses[12..12 + n].iter().sum::<f64>() > 0.0);
            let (x, y, a, b) = (&x[..m], &x[12..12 + n], share(&masses[..m]), share(&masses[12..12 + n]));
            let coupling = quantile_coupling(x, &a, y, &b).expect("a problem");
            let (mut rows, mut columns) = (vec![0.0; m], vec![0.0; n]);
            for &(i, j, mass) in &coupling {
                rows[i] += mass;
                columns[j] += mass;
            }
            for (sum, mass) in rows.iter().zip(&a).chain(columns.iter().zip(&b)) {
                prop_assert!((sum - mass).abs() < 1e-14);
            }
            prop_assert!(coupling.windows(2).all(|w| x[w[0].0] <= x[w[1].0] && y[w[0].1] <= y[w[1].1]));
        }

        // By Jensen's inequality.
        #[test]
        fn the_distance_grows_with_p(
            n in 1_usize..20, x in prop::collection::vec(-2.0_f64..2.0, 40), masses in prop::collection::vec(0.01_f64..1.0, 40),
            p in 1.0_f64..3.0, more in 0.0_f64..3.0,
        ) {
            let (a, b) = (share(&masses[..n]), share(&masses[20..20 + n]));
            let distance = |p: f64| pow(line_cost(&x[..n], &a, &x[20..20 + n], &b, p).expect("a problem"), 1.0 / p);
            prop_assert!(distance(p) <= distance(p + more) * (1.0 + 1e-12));
        }

        #[test]
        fn the_fast_way_for_equal_masses_agrees(n in 1_usize..30, x in prop::collection::vec(-2.0_f64..2.0, 60)) {
            let a = vec![1.0 / n as f64; n];
            let (x, y) = (&x[..n], &x[30..30 + n]);
            let slow: f64 = quantile_coupling(x, &a, y, &a).expect("a problem").iter()
                .map(|&(i, j, mass)| mass * (x[i] - y[j]) * (x[i] - y[j])).sum();
            prop_assert!((line_cost(x, &a, y, &a, 2.0).expect("a problem") - slow).abs() < 1e-12);
        }
    }

    #[test]
    fn what_cannot_be_coupled_says_why() {
        assert_eq!(line_cost(&[0.0], &[1.0], &[f64::NAN], &[1.0], 2.0), Err(Error::NotFinite("positions")));
        assert_eq!(line_cost(&[0.0], &[1.0], &[0.0], &[2.0], 2.0), Err(Error::Unequal { from: 1.0, to: 2.0 }));
        assert_eq!(line_cost(&[0.0], &[1.0], &[1.0], &[1.0], 0.5), Err(Error::PowerBelowOne));
        assert_eq!(line_cost(&[3.0], &[2.0], &[1.0], &[2.0], 2.0), Ok(8.0));
        assert_eq!(sliced_wasserstein([&[], &[]], [&[], &[]], &[1.0], 1, 2.0), Err(Error::Empty));
    }
}
