//! Exact assignment: shortest augmenting paths.

use super::Error;
use super::error::check_finite;

/// Gives each of `m` rows a column of its own, of `n >= m`, at the least total cost. Row after row, the shortest path by
/// reduced costs $c_{ij}-u_i-v_j$ leads to a free column (Dijkstra), and the rows along it move on: $O(m^2n)$ in all.
/// (Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987,
/// without its first phases; for rectangles Crouse, 2016.)
#[derive(Clone, Debug)]
pub struct Assignment {
    n: usize,
    cost: Vec<f64>,
    u: Vec<f64>,
    v: Vec<f64>,
    /// For each row assigned so far, its column.
    columns: Vec<usize>,
    /// For each column its row, if any.
    rows: Vec<Option<usize>>,
}

impl Assignment {
    /// The problem of costs `cost`, by rows of `n`.
    ///
    /// # Errors
    /// If there are no rows, more rows than columns, or a cost is not finite.
    ///
    /// # Panics
    /// If `cost` is not made of whole rows.
    pub fn new(cost: &[f64], n: usize) -> Result<Self, Error> {
        if cost.is_empty() {
            return Err(Error::Empty);
        }
        assert_eq!(cost.len() % n, 0, "whole rows of costs");
        check_finite(cost, "costs")?;
        let m = cost.len() / n;
        if m > n {
            return Err(Error::TooManyRows);
        }
        Ok(Self { n, cost: cost.to_vec(), u: vec![0.0; m], v: vec![0.0; n], columns: Vec::new(), rows: vec![None; n] })
    }

    /// Assigns at most `rows` rows more. True when all are assigned.
    pub fn advance(&mut self, rows: usize) -> bool {
        let end = self.columns.len().saturating_add(rows).min(self.u.len());
        while self.columns.len() < end {
            self.assign(self.columns.len());
        }
        end == self.u.len()
    }

    /// For each row assigned so far its column; those rows have the cheapest assignment at any time.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The cost of the rows assigned so far.
    pub fn cost(&self) -> f64 {
        self.columns.iter().enumerate().map(|(i, j)| self.cost[i * self.n + j]).sum()
    }

    /// The dual potentials: $u_i+v_j\le c_{ij}$, with equality where a row has its column, $v\le0$, and zero where a column
    /// is free.
    pub fn potentials(&self) -> (&[f64], &[f64]) {
        (&self.u, &self.v)
    }

    fn assign(&mut self, row: usize) {
        let n = self.n;
        let mut reach = Reach::from(row, &self.v);
        let mut settled = Vec::new();
        let (mut i, mut length) = (row, 0.0);
        let end = loop {
            length = reach.relax(i, &self.cost[i * n..(i + 1) * n], length - self.u[i]);
            let mut nearest = (0..n).filter(|&j| reach.distance[j] == length);
            // Of equals a free column.
            let first = nearest.next().unwrap_or_default();
            let free = |j: usize| self.rows[j].is_none();
            let j = if free(first) { first } else { nearest.find(|&j| free(j)).unwrap_or(first) };
            match self.rows[j] {
                None => break j,
                Some(next) => i = next,
            }
            settled.push((j, length));
            reach.settle(j);
        };
        self.u[row] += length;
        for (j, distance) in settled {
            let change = length - distance;
            self.v[j] -= change;
            if let Some(i) = self.rows[j] {
                self.u[i] += change;
            }
        }
        // Along the path each row takes the column by which it was left.
        self.columns.push(end);
        let mut j = end;
        loop {
            let i = reach.from[j] as usize;
            self.rows[j] = Some(i);
            j = std::mem::replace(&mut self.columns[i], j);
            if i == row {
                return;
            }
        }
    }
}

/// The columns as a search finds them. All are scanned each time, side by side: passing over settled ones would cost more
/// than it spares.
struct Reach {
    /// Of the shortest path known; of a settled column infinity, so that it is not the nearest again.
    distance: Vec<f64>,
    /// The row before the column on that path.
    from: Vec<u64>,
    /// The potentials; of a settled column minus infinity, so that no path to it is shorter.
    v: Vec<f64>,
}

impl Reach {
    fn from(row: usize, v: &[f64]) -> Self {
        Self { distance: vec![f64::INFINITY; v.len()], from: vec![row as u64; v.len()], v: v.to_vec() }
    }

    /// Lets paths go on by way of row `i`, whose costs are `line` and which lies at `start`; gives the least distance.
    fn relax(&mut self, i: usize, line: &[f64], start: f64) -> f64 {
        const LANES: usize = 8;
        let (i, mut least) = (i as u64, [f64::INFINITY; LANES]);
        // Without a branch, so that the lanes are those of registers.
        let visit = |least: &mut f64, cost: f64, v: f64, distance: &mut f64, from: &mut u64| {
            let through = start + (cost - v);
            *from = if through < *distance { i } else { *from };
            *distance = if through < *distance { through } else { *distance };
            *least = if *distance < *least { *distance } else { *least };
        };
        let ((lines, line), (vs, v)) = (line.as_chunks::<LANES>(), self.v.as_chunks::<LANES>());
        let (distances, distance) = self.distance.as_chunks_mut::<LANES>();
        let (froms, from) = self.from.as_chunks_mut::<LANES>();
        for (((cost, v), distance), from) in lines.iter().zip(vs).zip(distances).zip(froms) {
            for k in 0..LANES {
                visit(&mut least[k], cost[k], v[k], &mut distance[k], &mut from[k]);
            }
        }
        for (((&cost, &v), distance), from) in line.iter().zip(v).zip(distance).zip(from) {
            visit(&mut least[0], cost, v, distance, from);
        }
        least.into_iter().fold(f64::INFINITY, |a, b| if b < a { b } else { a })
    }

    fn settle(&mut self, j: usize) {
        (self.distance[j], self.v[j]) = (f64::INFINITY, f64::NEG_INFINITY);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By trying them all.
    pub fn best_permutation(cost: &[f64], n: usize) -> f64 {
        fn best(cost: &[f64], n: usize, i: usize, used: u32) -> f64 {
            if i * n == cost.len() {
                return 0.0;
            }
            let free = (0..n).filter(|j| used >> j & 1 == 0);
            free.map(|j| cost[i * n + j] + best(cost, n, i + 1, used | 1 << j)).fold(f64::INFINITY, f64::min)
        }
        best(cost, n, 0, 0)
    }

    proptest! {
        #[test]
        fn no_permutation_is_cheaper(
            m in 1_usize..7, more in 0_usize..2, cost in prop::collection::vec(-9_i32..9, 42), step in 1_usize..4,
        ) {
            let n = m + more;
            let cost: Vec<f64> = cost[..m * n].iter().map(|&c| f64::from(c)).collect();
            let mut assignment = Assignment::new(&cost, n).expect("a problem");
            while !assignment.advance(step) {}
            prop_assert_eq!(assignment.cost(), best_permutation(&cost, n));
        }

        #[test]
        fn potentials_prove_the_optimum((m, more) in (1_usize..30, 0_usize..9), cost in prop::collection::vec(0.0_f64..1.0, 1200)) {
            let n = m + more;
            let cost = &cost[..m * n];
            let mut assignment = Assignment::new(cost, n).expect("a problem");
            prop_assert!(assignment.advance(m));
            let (u, v) = assignment.potentials();
            for (k, cost) in cost.iter().enumerate() {
                prop_assert!(cost - u[k / n] - v[k % n] >= -1e-12);
            }
            prop_assert!(v.iter().all(|&v| v <= 0.0));
            let dual: f64 = u.iter().chain(v).sum();
            prop_assert!((dual - assignment.cost()).abs() < 1e-12);
        }
    }

    #[test]
    fn hostile_costs() {
        assert_eq!(Assignment::new(&[1.0, 2.0], 1).err(), Some(Error::TooManyRows));
        assert_eq!(Assignment::new(&[f64::NAN], 1).err(), Some(Error::NotFinite("costs")));
        assert_eq!(Assignment::new(&[], 0).err(), Some(Error::Empty));
        let mut same = Assignment::new(&[2.0; 400], 20).expect("a problem");
        assert!(same.advance(20));
        assert_eq!(same.cost(), 40.0);
    }
}
