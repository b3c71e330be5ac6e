//! Exact transport between discrete measures: the network simplex method.

use super::Error;
use super::error::{check_balance, check_finite};
use crate::math::{exp2, log2};
use std::sync::Arc;

/// $\min\langle c,P\rangle$ over plans with marginals $r$ and $c$, by the primal simplex method on the complete bipartite
/// graph. A basis is a spanning tree of sources and sinks; its potentials give every pair the reduced cost
/// $c_{ij}-u_i-v_j$, and a pair where it is negative enters, in place of the pair of the closed cycle that empties first.
/// (Dantzig's transportation method; the block search for the entering pair is that of Grigoriadis, "An efficient
/// implementation of the network simplex method", 1986.)
///
/// It ends, as no basis returns: masses are whole numbers of a tiny unit, perturbed so that no part of the sources has the
/// mass of a part of the sinks (Orden, "The transshipment problem", 1956), whereby every pivot moves mass; and costs are
/// rounded to a grid on which potentials are exact. The grid is about $2^{-39}$ of the greatest cost for 4,000 points,
/// finer for fewer, and the cost found is within half of it, times the mass, of the optimum.
#[derive(Clone, Debug)]
pub struct Exact {
    m: usize,
    n: usize,
    /// In units of `grid`, by rows; shared by clones.
    cost: Arc<[f64]>,
    grid: f64,
    /// In units of `unit`, sources and then sinks.
    masses: Vec<i128>,
    unit: f64,
    tree: Tree,
    /// $u$ and then $v$, in units of `grid`.
    potentials: Vec<f64>,
    /// Where the search for an entering pair goes on.
    row: usize,
    /// The best pair found since the last pivot, and the rows looked at since then.
    found: Option<(usize, usize)>,
    least: f64,
    scanned: usize,
    pivots: usize,
    optimal: bool,
}

/// Rooted at node 0. Nodes below `m` are sources, the others sinks; mass flows from source to sink.
#[derive(Clone, Debug)]
struct Tree {
    parent: Vec<usize>,
    depth: Vec<usize>,
    /// Between a node and its parent, in units; perturbed.
    flow: Vec<i128>,
    /// Children are a doubly linked list.
    child: Vec<usize>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

/// How many pairs are looked at in the time that a node is moved.
const NODE: usize = 8;

/// No node.
const NONE: usize = usize::MAX;

/// The total mass in units, before perturbation: with it, sums stay far below $2^{127}$.
const TOTAL: f64 = (1_u128 << 80) as f64;

impl Exact {
    /// The problem of costs `cost`, by rows, one row a mass of `r`, one column a mass of `c`, with a first basis: each source
    /// sends to the sinks that are cheap for it, costs taken less the least of their column.
    ///
    /// # Errors
    /// If a number is not finite, a mass negative, a side empty or without mass, or the masses of the two sides differ.
    ///
    /// # Panics
    /// If `cost` does not have one entry for each pair.
    pub fn new(cost: &[f64], r: &[f64], c: &[f64]) -> Result<Self, Error> {
        let (m, n) = (r.len(), c.len());
        assert_eq!(cost.len(), m * n, "one cost for each pair");
        let total = check_balance(r, c)?;
        check_finite(cost, "costs")?;

        let greatest = cost.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        let bits = 51.0 - log2((m + n) as f64).ceil();
        let grid = if greatest > 0.0 { exp2(log2(greatest).ceil() - bits).max(f64::MIN_POSITIVE) } else { 1.0 };
        let cost: Arc<[f64]> = cost.iter().map(|cost| (cost / grid).round()).collect();

        let whole = |masses: &[f64]| -> Vec<i128> {
            let sum: f64 = masses.iter().sum();
            masses.iter().map(|mass| (mass / sum * TOTAL) as i128).collect()
        };
        let (sources, mut sinks) = (whole(r), whole(c));
        // What rounding leaves goes to the largest sink.
        let left: i128 = sources.iter().sum::<i128>() - sinks.iter().sum::<i128>();
        let largest = (0..n).max_by_key(|&j| sinks[j]).unwrap_or_default();
        sinks[largest] += left;
        let masses = [sources, sinks].concat();

        let flows = first_basis(&cost, m, n, &masses);
        let tree = Tree::new(m + n, &flows, m);
        let potentials = vec![0.0; m + n];
        let unit = total / TOTAL;
        let mut exact = Self {
            m,
            n,
            cost,
            grid,
            masses,
            unit,
            tree,
            potentials,
            row: 0,
            found: None,
            least: 0.0,
            scanned: 0,
            pivots: 0,
            optimal: false,
        };
        let mut node = exact.tree.child[0];
        while node != NONE {
            let parent = exact.tree.parent[node];
            exact.potentials[node] = exact.pair_cost(node, parent) - exact.potentials[parent];
            node = exact.tree.after(node, 0);
        }
        Ok(exact)
    }

    /// Goes on by at most `pivots` pivots. True when the plan is optimal.
    pub fn advance(&mut self, pivots: usize) -> bool {
        let end = self.pivots.saturating_add(pivots);
        while !self.optimal && self.pivots < end {
            self.search();
        }
        self.optimal
    }

    /// Goes on until about `pairs` pairs have been looked at, every node that a pivot moves counted as eight: of advancing by
    /// pivots, what takes the time, however many rows the next entering pair is away. True when the plan is optimal.
    pub fn advance_pairs(&mut self, pairs: usize) -> bool {
        let mut looked = 0;
        while !self.optimal && looked < pairs {
            looked += self.search();
        }
        self.optimal
    }

    /// Whether the plan is known to be optimal.
    pub fn optimal(&self) -> bool {
        self.optimal
    }

    /// Pivots made.
    pub fn pivots(&self) -> usize {
        self.pivots
    }

    /// The plan so far, feasible at any time: at most `m + n - 1` entries `(i, j, mass)`, sorted.
    pub fn plan(&self) -> Vec<(usize, usize, f64)> {
        // The flow between a node and its parent, unperturbed, is what the subtree has too much or too little.
        let mut order: Vec<usize> = (1..self.m + self.n).collect();
        order.sort_by_key(|&node| std::cmp::Reverse(self.tree.depth[node]));
        let mut surplus: Vec<i128> = self.masses.clone();
        surplus[self.m..].iter_mut().for_each(|mass| *mass = -*mass);
        let mut plan = Vec::new();
        for node in order {
            let parent = self.tree.parent[node];
            let flow = surplus[node];
            surplus[parent] += flow;
            if flow != 0 {
                let (i, j) = if node < self.m { (node, parent) } else { (parent, node) };
                plan.push((i, j - self.m, flow.unsigned_abs() as f64 * self.unit));
            }
        }
        plan.sort_by_key(|&(i, j, _)| (i, j));
        plan
    }

    /// The cost of the plan so far.
    pub fn cost(&self) -> f64 {
        self.plan().iter().map(|&(i, j, mass)| mass * self.cost[i * self.n + j]).sum::<f64>() * self.grid
    }

    /// The dual potentials $u$ and $v$. When the plan is optimal, $u_i+v_j\le c_{ij}$, with equality where mass moves, and
    /// $\langle r,u\rangle+\langle c,v\rangle$ is the cost; both to half a grid step.
    pub fn potentials(&self) -> (Vec<f64>, Vec<f64>) {
        let scaled: Vec<f64> = self.potentials.iter().map(|x| x * self.grid).collect();
        (scaled[..self.m].to_vec(), scaled[self.m..].to_vec())
    }

    fn pair_cost(&self, a: usize, b: usize) -> f64 {
        let (i, j) = if a < self.m { (a, b) } else { (b, a) };
        self.cost[i * self.n + j - self.m]
    }

    /// Looks at the next row. A block is about $\sqrt{mn}$ pairs, in whole rows; at the end of one that has any negative
    /// reduced cost, since the last pivot, the pair of the most negative enters. Says how much it looked at.
    fn search(&mut self) -> usize {
        let (m, n) = (self.m, self.n);
        let block = ((m as f64 / n as f64).sqrt() as usize).max(1);
        let (u, v) = self.potentials.split_at(m);
        let i = self.row;
        self.row = if i + 1 == m { 0 } else { i + 1 };
        self.scanned += 1;
        let line = &self.cost[i * n..(i + 1) * n];
        let reduced = least_difference(line, v) - u[i];
        if reduced < self.least {
            self.least = reduced;
            self.found = line.iter().zip(v).position(|(cost, v)| cost - v - u[i] == reduced).map(|j| (i, j));
        }
        let over = self.scanned == m;
        match self.found {
            Some((i, j)) if over || self.scanned.is_multiple_of(block) => {
                (self.found, self.least, self.scanned) = (None, 0.0, 0);
                n + NODE * self.pivot(i, m + j)
            }
            _ => {
                self.optimal = over;
                n
            }
        }
    }

    /// Lets the pair of source `i` and sink `j` enter. Says how many nodes it moved.
    fn pivot(&mut self, i: usize, j: usize) -> usize {
        let (m, tree) = (self.m, &mut self.tree);
        let reduced = self.cost[i * self.n + j - m] - self.potentials[i] - self.potentials[j];
        // The mass that goes from i to j comes back along the tree: from j up to where the ways meet, and down to i. Arcs
        // that lead from source to sink against this lose it, and the one with the least leaves.
        let (mut x, mut y) = (i, j);
        let (mut moved, mut leaving) = (i128::MAX, i);
        while x != y {
            let from_i = tree.depth[x] >= tree.depth[y];
            let node = if from_i { &mut x } else { &mut y };
            if (*node < m) == from_i && tree.flow[*node] < moved {
                (moved, leaving) = (tree.flow[*node], *node);
            }
            *node = tree.parent[*node];
        }
        // From the sources of i's way, and the sinks of j's.
        let on_way_of_i = leaving < m;
        let meeting = x;
        for (start, loses) in [(i, true), (j, false)] {
            let mut node = start;
            while node != meeting {
                tree.flow[node] += if (node < m) == loses { -moved } else { moved };
                node = tree.parent[node];
            }
        }
        let (start, parent) = if on_way_of_i { (i, j) } else { (j, i) };
        tree.hang(start, parent, moved, leaving);
        // Its potentials follow: those of the kind of `start` by the reduced cost, the others against.
        let (mut node, mut moved) = (start, 0);
        while node != NONE {
            tree.depth[node] = tree.depth[tree.parent[node]] + 1;
            self.potentials[node] += if (node < m) == on_way_of_i { reduced } else { -reduced };
            node = tree.after(node, start);
            moved += 1;
        }
        self.pivots += 1;
        moved
    }
}

/// $\min_j(a_j-b_j)$.
fn least_difference(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let ((a, a_left), (b, b_left)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut least = [f64::INFINITY; LANES];
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            let difference = a[k] - b[k];
            least[k] = if difference < least[k] { difference } else { least[k] };
        }
    }
    let left = a_left.iter().zip(b_left).map(|(a, b)| a - b);
    least.into_iter().chain(left).fold(f64::INFINITY, |a, b| if b < a { b } else { a })
}

/// A basis, as `(i, j, flow)` with sinks counted from 0: source after source sends to the cheapest open sinks. The masses
/// are perturbed, so that exactly one side of each arc is exhausted and the arcs are a spanning tree.
fn first_basis(cost: &[f64], m: usize, n: usize, masses: &[i128]) -> Vec<(usize, usize, i128)> {
    // n + 1 more for each source, 1 for each sink, and the rest for the last sink: |I| (n + 1) = |J| is never so for parts.
    let (most, per_source) = ((m * (n + 1)) as i128, n as i128 + 1);
    let scale = most + 1;
    let mut sources: Vec<i128> = masses[..m].iter().map(|mass| mass * scale + per_source).collect();
    let mut sinks: Vec<i128> = masses[m..].iter().map(|mass| mass * scale + 1).collect();
    sinks[n - 1] += most - n as i128;

    let mut least = cost[..n].to_vec();
    for line in cost.chunks_exact(n) {
        least.iter_mut().zip(line).for_each(|(least, cost)| *least = least.min(*cost));
    }
    let mut open: Vec<usize> = (0..n).collect();
    let mut flows = Vec::with_capacity(m + n - 1);
    for (i, line) in cost.chunks_exact(n).enumerate() {
        while sources[i] > 0 {
            let price = |k: usize| line[open[k]] - least[open[k]];
            let cheapest = (0..open.len()).fold(0, |a, b| if price(b) < price(a) { b } else { a });
            let j = open[cheapest];
            let flow = sources[i].min(sinks[j]);
            sources[i] -= flow;
            sinks[j] -= flow;
            flows.push((i, j, flow));
            if sinks[j] == 0 {
                open.swap_remove(cheapest);
            }
        }
    }
    flows
}

impl Tree {
    /// The tree of `nodes` nodes that the arcs `(i, j, flow)` make.
    fn new(nodes: usize, flows: &[(usize, usize, i128)], m: usize) -> Self {
        let none = vec![NONE; nodes];
        let mut tree = Self {
            parent: none.clone(),
            depth: vec![0; nodes],
            flow: vec![0; nodes],
            child: none.clone(),
            next: none.clone(),
            previous: none,
        };
        let mut neighbours = vec![Vec::new(); nodes];
        for &(i, j, flow) in flows {
            neighbours[i].push((m + j, flow));
            neighbours[m + j].push((i, flow));
        }
        let mut reached = vec![0];
        while let Some(node) = reached.pop() {
            for &(other, flow) in &neighbours[node] {
                if other != tree.parent[node] {
                    tree.depth[other] = tree.depth[node] + 1;
                    tree.attach(other, node, flow);
                    reached.push(other);
                }
            }
        }
        tree
    }

    fn attach(&mut self, node: usize, parent: usize, flow: i128) {
        (self.parent[node], self.flow[node]) = (parent, flow);
        let next = std::mem::replace(&mut self.child[parent], node);
        (self.previous[node], self.next[node]) = (NONE, next);
        if next != NONE {
            self.previous[next] = node;
        }
    }

    fn detach(&mut self, node: usize) {
        let (previous, next) = (self.previous[node], self.next[node]);
        if previous == NONE {
            self.child[self.parent[node]] = next;
        } else {
            self.next[previous] = next;
        }
        if next != NONE {
            self.previous[next] = previous;
        }
    }

    /// Cuts the tree above `cut` and hangs what was below it to `parent` by its node `start`, turning the way between
    /// `start` and `cut` around.
    fn hang(&mut self, start: usize, parent: usize, flow: i128, cut: usize) {
        let (mut node, mut parent, mut flow) = (start, parent, flow);
        loop {
            let (old_parent, old_flow) = (self.parent[node], self.flow[node]);
            self.detach(node);
            self.attach(node, parent, flow);
            if node == cut {
                return;
            }
            (parent, node, flow) = (node, old_parent, old_flow);
        }
    }

    /// The node after `node` in the subtree of `top`, parents before children.
    fn after(&self, node: usize, top: usize) -> usize {
        if self.child[node] != NONE {
            return self.child[node];
        }
        let mut node = node;
        while node != top {
            if self.next[node] != NONE {
                return self.next[node];
            }
            node = self.parent[node];
        }
        NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn solved(cost: &[f64], r: &[f64], c: &[f64]) -> Exact {
        let mut exact = Exact::new(cost, r, c).expect("a problem");
        while !exact.advance(7) {}
        exact
    }

    /// Feasible, its potentials too, and no gap between them.
    fn assert_optimal(exact: &Exact, cost: &[f64], r: &[f64], c: &[f64]) {
        let total: f64 = r.iter().sum();
        let greatest = cost.iter().fold(0.0_f64, |a, b| a.max(b.abs())).max(1e-300);
        let plan = exact.plan();
        let (mut rows, mut columns) = (vec![0.0; r.len()], vec![0.0; c.len()]);
        let (u, v) = exact.potentials();
        for &(i, j, mass) in &plan {
            assert!(mass > 0.0);
            rows[i] += mass;
            columns[j] += mass;
            assert!((cost[i * c.len() + j] - u[i] - v[j]).abs() <= 1e-12 * greatest);
        }
        for (sum, mass) in rows.iter().zip(r).chain(columns.iter().zip(c)) {
            assert!((sum - mass).abs() <= 1e-14 * total, "{sum} {mass}");
        }
        for (k, cost) in cost.iter().enumerate() {
            assert!(cost - u[k / c.len()] - v[k % c.len()] >= -1e-12 * greatest);
        }
        let dual: f64 = r.iter().zip(&u).chain(c.iter().zip(&v)).map(|(mass, x)| mass * x).sum();
        assert!((exact.cost() - dual).abs() <= 1e-12 * total * greatest * (r.len() + c.len()) as f64);
    }

    #[test]
    fn it_makes_the_same_pivots_however_it_is_cut() {
        let n = 40;
        let cost: Vec<f64> = (0..n * (n + 3)).map(|k| ((k * k * 7919) % 1009) as f64).collect();
        let (r, c) = (vec![1.0; n], vec![n as f64 / (n + 3) as f64; n + 3]);
        let whole = solved(&cost, &r, &c);
        for pairs in [1, 100, usize::MAX] {
            let mut cut = Exact::new(&cost, &r, &c).expect("a problem");
            while !cut.advance_pairs(pairs) {}
            assert_eq!((cut.plan(), cut.pivots()), (whole.plan(), whole.pivots()));
        }
    }

    proptest! {
        #[test]
        fn plans_are_feasible_and_dual_to_their_potentials(
            (m, n) in (1_usize..25, 1_usize..25), cost in prop::collection::vec(-1.0_f64..1.0, 625),
            masses in prop::collection::vec(prop_oneof![2 => 0.0_f64..1.0, 1 => Just(0.0), 1 => Just(0.25)], 50),
            ties: bool,
        ) {
            let cost: Vec<f64> = cost[..m * n].iter().map(|c| if ties { (4.0 * c).round() } else { *c }).collect();
            let (r, mut c) = (masses[..m].to_vec(), masses[25..25 + n].to_vec());
            let (from, to): (f64, f64) = (r.iter().sum(), c.iter().sum());
            prop_assume!(from > 0.0 && to > 0.0);
            c.iter_mut().for_each(|mass| *mass *= from / to);
            assert_optimal(&solved(&cost, &r, &c), &cost, &r, &c);
        }

        // Everything is degenerate here: every basis has arcs without flow.
        #[test]
        fn equal_masses_are_the_best_permutation(n in 1_usize..7, cost in prop::collection::vec(0_u32..6, 36)) {
            let cost: Vec<f64> = cost[..n * n].iter().map(|&c| f64::from(c)).collect();
            let exact = solved(&cost, &vec![1.0; n], &vec![1.0; n]);
            prop_assert_eq!(exact.plan().len(), n);
            prop_assert_eq!(exact.cost(), crate::transport::assignment::tests::best_permutation(&cost, n));
        }
    }

    #[test]
    fn coincident_points_and_equal_costs_end() {
        let n = 300;
        let exact = solved(&vec![0.0; n * n], &vec![1.0; n], &vec![1.0; n]);
        assert_eq!(exact.cost(), 0.0);
        // On a line the monotone coupling is best: cost |i - j|² shifts every point by one place.
        let cost: Vec<f64> = (0..n * n)
            .map(|k| {
                let d = (k / n) as f64 - (k % n) as f64 - 1.0;
                d * d
            })
            .collect();
        let exact = solved(&cost, &vec![1.0; n], &vec![1.0; n]);
        assert!((exact.cost() - n as f64).abs() < 1e-6);
    }

    #[test]
    fn what_cannot_be_solved_says_why() {
        assert_eq!(Exact::new(&[], &[], &[]).err(), Some(Error::Empty));
        assert_eq!(Exact::new(&[1.0, f64::NAN], &[1.0], &[0.5, 0.5]).err(), Some(Error::NotFinite("costs")));
        assert_eq!(Exact::new(&[1.0; 2], &[1.0], &[0.5, f64::INFINITY]).err(), Some(Error::NotFinite("masses")));
        assert_eq!(Exact::new(&[1.0; 2], &[1.0], &[1.5, -0.5]).err(), Some(Error::Negative { index: 1, mass: -0.5 }));
        assert_eq!(Exact::new(&[1.0; 2], &[0.0], &[0.0, 0.0]).err(), Some(Error::NoMass));
        assert_eq!(Exact::new(&[1.0], &[1.0], &[2.0]).err(), Some(Error::Unequal { from: 1.0, to: 2.0 }));
        assert_eq!(solved(&[3.0], &[2.0], &[2.0]).plan(), [(0, 0, 2.0)]);
    }
}
