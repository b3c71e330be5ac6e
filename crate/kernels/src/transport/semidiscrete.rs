//! Transport of a measure known by its samples onto atoms.

use super::Error;
use super::error::{check_finite, check_masses};

/// Maximises the concave $\mathrm E\min_j(\tfrac12\|X-y_j\|^2-g_j)+\langle b,g\rangle$, whose gradient is $b_j$ less the mass of the
/// Laguerre cell of $y_j$, the points for which it attains the minimum. At the maximum each cell has the mass of its atom,
/// and sending it there is the optimal map. (Genevay, Cuturi, Peyré and Bach, "Stochastic Optimization for Large-scale
/// Optimal Transport", 2016, algorithm 2.)
#[derive(Clone, Debug)]
pub struct SemiDiscrete {
    atoms: Vec<f64>,
    dimension: usize,
    b: Vec<f64>,
    g: Vec<f64>,
    average: Vec<f64>,
    samples: usize,
}

impl SemiDiscrete {
    /// Onto masses `b`, scaled to sum to one, at `atoms`, by rows of `dimension` coordinates; the potentials begin at zero.
    ///
    /// # Errors
    /// If there are no atoms, a number is not finite, a mass is negative or all are zero.
    ///
    /// # Panics
    /// If there is not one mass for each atom.
    pub fn new(atoms: &[f64], dimension: usize, b: &[f64]) -> Result<Self, Error> {
        assert_eq!(atoms.len(), b.len() * dimension, "one mass for each atom");
        let sum = check_masses(b)?;
        check_finite(atoms, "atoms")?;
        let zeros = vec![0.0; b.len()];
        let b = b.iter().map(|mass| mass / sum).collect();
        Ok(Self { atoms: atoms.to_vec(), dimension, b, g: zeros.clone(), average: zeros, samples: 0 })
    }

    /// The potentials $g$ of gradient ascent, or the running average of stochastic ascent.
    pub fn potentials(&self) -> &[f64] {
        if self.samples > 0 { &self.average } else { &self.g }
    }

    /// The atom whose Laguerre cell holds `x`; of several the first. An atom of no mass has no cell.
    pub fn cell(&self, x: &[f64]) -> usize {
        self.cell_at(self.potentials(), x)
    }

    fn cell_at(&self, g: &[f64], x: &[f64]) -> usize {
        let (mut least, mut cell) = (f64::INFINITY, 0);
        for (j, y) in self.atoms.chunks_exact(self.dimension).enumerate() {
            let square: f64 = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum();
            let cost = 0.5 * square - g[j];
            if cost < least && self.b[j] > 0.0 {
                (least, cell) = (cost, j);
            }
        }
        cell
    }

    /// The share of the points `x`, by rows, in each cell.
    pub fn cell_masses(&self, x: &[f64]) -> Vec<f64> {
        let mut masses = vec![0.0; self.b.len()];
        let points = x.chunks_exact(self.dimension);
        let share = 1.0 / points.len().max(1) as f64;
        points.for_each(|x| masses[self.cell(x)] += share);
        masses
    }

    /// One step of gradient ascent over the points `x`, by rows: $g\leftarrow g+\gamma(b-\text{masses of the cells})$. Gives
    /// the sum of what the cells' masses were off.
    pub fn ascend(&mut self, x: &[f64], step: f64) -> f64 {
        let masses = self.cell_masses(x);
        let mut violation = 0.0;
        for ((g, b), mass) in self.g.iter_mut().zip(&self.b).zip(masses) {
            *g += step * (b - mass);
            violation += (b - mass).abs();
        }
        violation
    }

    /// A step of averaged stochastic ascent for each of the samples `x`, by rows, the `t`-th of size `step`$/\sqrt t$.
    pub fn sample(&mut self, x: &[f64], step: f64) {
        for x in x.chunks_exact(self.dimension) {
            self.samples += 1;
            let cell = self.cell_at(&self.g, x);
            let size = step / (self.samples as f64).sqrt();
            self.g.iter_mut().zip(&self.b).for_each(|(g, b)| *g += size * b);
            self.g[cell] -= size;
            let share = 1.0 / self.samples as f64;
            self.average.iter_mut().zip(&self.g).for_each(|(average, g)| *average += share * (g - *average));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The points (k + 1/2) / n of the unit interval.
    fn even(n: usize) -> Vec<f64> {
        (0..n).map(|k| (k as f64 + 0.5) / n as f64).collect()
    }

    #[test]
    fn on_an_interval_the_cells_are_cut_where_the_masses_say() {
        // Onto atoms at 0 and 1 with masses 0.3 and 0.7: cut at 0.3, where x²/2 - g₀ = (1-x)²/2 - g₁, so g₀ - g₁ = -0.2.
        let x = even(1000);
        let mut ascent = SemiDiscrete::new(&[0.0, 1.0], 1, &[3.0, 7.0]).expect("a problem");
        let off = (0..200).map(|_| ascent.ascend(&x, 0.5)).last();
        assert!(off < Some(1e-12), "{off:?}");
        let g = ascent.potentials();
        assert!((g[0] - g[1] + 0.2).abs() < 1e-3, "{g:?}");
        assert_eq!((ascent.cell(&[0.29]), ascent.cell(&[0.31])), (0, 1));

        let mut stochastic = SemiDiscrete::new(&[0.0, 1.0], 1, &[3.0, 7.0]).expect("a problem");
        // Points of van der Corput's sequence, as even as the order allows.
        let samples: Vec<f64> = (0..100_000_u32).map(|k| f64::from(k.reverse_bits()) / 4_294_967_296.0).collect();
        stochastic.sample(&samples, 1.0);
        let masses = stochastic.cell_masses(&x);
        assert!((masses[0] - 0.3).abs() < 0.005, "{masses:?}");
    }

    #[test]
    fn equal_potentials_give_nearest_atoms_and_no_mass_no_cell() {
        let plane = SemiDiscrete::new(&[0.0, 0.0, 1.0, 0.0, 0.4, 0.0], 2, &[1.0, 1.0, 0.0]).expect("a problem");
        assert_eq!((plane.cell(&[0.4, 9.0]), plane.cell(&[0.6, -9.0])), (0, 1));
        assert_eq!(SemiDiscrete::new(&[], 2, &[]).err(), Some(Error::Empty));
        assert_eq!(SemiDiscrete::new(&[f64::NAN], 1, &[1.0]).err(), Some(Error::NotFinite("atoms")));
    }
}
