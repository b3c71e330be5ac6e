//! Linear recurrences along sequences.

use super::operation::Operation;
use super::{Graph, Node};
use crate::math::Float;
use std::rc::Rc;

/// Which neighbour a place takes its state from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    Forwards,
    Backwards,
}

/// How the recurrence lies in the matrices: sequences of `length` rows, `groups` states of `k` numbers each in a row.
#[derive(Clone, Copy)]
struct Layout {
    length: usize,
    groups: usize,
    k: usize,
}

impl<T: Float> Graph<T> {
    /// `h_t = A_t h_{t-1} + b_t` with `h_{-1} = 0`, for `count` sequences one below the other, a row for each `t`. A row of `b`
    /// and of the result holds groups of `k` numbers; the same row of `a` has a `k` x `k` matrix by rows for each of the groups.
    ///
    /// With `k` = 1 the recurrence is diagonal, `a` and `b` of one shape; a complex state is `k` = 2 with the matrices
    /// `[x, -y, y, x]` of `x + iy`. A matrix that is the same for all times is a row that is [spread](Self::spread).
    pub fn scan(&mut self, a: Node, b: Node, count: usize) -> Node {
        self.scan_along(a, b, count, Along::Forwards)
    }

    fn scan_along(&mut self, a: Node, b: Node, count: usize, along: Along) -> Node {
        let (rows, columns) = self.shape(b);
        let Layout { length, groups, k } = self.layout(a, b, count);
        let (matrices, inputs) = (self.value(a), self.value(b));
        let mut value = inputs.to_vec();
        for sequence in 0..count {
            for i in 1..length {
                let (t, before) = match along {
                    Along::Forwards => (sequence * length + i, sequence * length + i - 1),
                    Along::Backwards => ((sequence + 1) * length - 1 - i, (sequence + 1) * length - i),
                };
                let (head, tail) = value.split_at_mut(t.max(before) * columns);
                let (here, there) = match along {
                    Along::Forwards => (&mut tail[..columns], &head[before * columns..]),
                    Along::Backwards => (&mut head[t * columns..], &tail[..columns]),
                };
                let matrices = &matrices[t * columns * k..][..columns * k];
                if k == 1 {
                    here.iter_mut().zip(matrices).zip(there).for_each(|((h, &a), &before)| *h += a * before);
                    continue;
                }
                for group in 0..groups {
                    let state = &there[group * k..][..k];
                    for (h, row) in here[group * k..][..k].iter_mut().zip(matrices[group * k * k..].chunks_exact(k)) {
                        row.iter().zip(state).for_each(|(&a, &before)| *h += a * before);
                    }
                }
            }
        }
        self.push(Operation::Scan { a, b, count, along }, rows, columns, value)
    }

    fn layout(&self, a: Node, b: Node, count: usize) -> Layout {
        let ((rows, columns), (a_rows, a_columns)) = (self.shape(b), self.shape(a));
        assert!(count > 0 && rows.is_multiple_of(count), "{count} sequences in {rows} rows");
        let k = a_columns / columns;
        let fits = a_rows == rows && a_columns == columns * k && columns.is_multiple_of(k.max(1));
        assert!(k > 0 && fits, "matrices of {a_columns} entries for a state of {columns}");
        Layout { length: rows / count, groups: columns / k, k }
    }

    /// What the adjoint `d` of `y = scan(a, b)` contributes to input 0, `a`, or 1, `b`:
    /// `δ_t = d_t + A_{t+1}ᵀ δ_{t+1}` is the adjoint of `b_t`, and `δ_t h_{t-1}ᵀ` that of `A_t`.
    pub(super) fn pull_back_scan(&mut self, y: Node, d: Node, input: usize) -> Node {
        let Operation::Scan { a, b, count, along } = self.entries[y.0].operation else { unreachable!("a scan") };
        let Layout { length, groups, k } = self.layout(a, b, count);
        let (rows, columns) = self.shape(b);
        let before = |t: usize| match along {
            Along::Forwards => t.checked_sub(1),
            Along::Backwards => Some(t + 1).filter(|&t| t < length),
        };
        let after = |t: usize| match along {
            Along::Forwards => Some(t + 1).filter(|&t| t < length),
            Along::Backwards => t.checked_sub(1),
        };
        // Entry (i, j) of a group's matrix at time t, from an index into one sequence.
        let entries =
            || (0..length).flat_map(move |t| (0..groups * k * k).map(move |e| (t, e / (k * k), e / k % k, e % k)));
        let state = |t: usize, group: usize, i: usize| (t * columns + group * k + i) as u32;

        let index = |(t, group, i, j)| after(t).map(|t| ((t * groups + group) * k * k + j * k + i) as u32);
        let transposed: Rc<[_]> = entries().map(index).collect();
        let transposed = self.pick(a, rows, columns * k, transposed);
        let reverse = if along == Along::Forwards { Along::Backwards } else { Along::Forwards };
        let delta = self.scan_along(transposed, d, count, reverse);
        if input == 1 {
            return delta;
        }
        let left: Rc<[_]> = entries().map(|(t, group, i, _)| Some(state(t, group, i))).collect();
        let right: Rc<[_]> = entries().map(|(t, group, _, j)| before(t).map(|t| state(t, group, j))).collect();
        let left = self.pick(delta, rows, columns * k, left);
        let right = self.pick(y, rows, columns * k, right);
        self.mul(left, right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Powers of e^{iφ}: the impulse response of a rotation.
    #[test]
    fn a_complex_state_turns() {
        let (cos, sin) = (crate::math::cos(0.3), crate::math::sin(0.3));
        let mut g = Graph::<f64>::new();
        let a = g.leaf(1, 4, vec![cos, -sin, sin, cos]);
        let a = g.spread(a, 20, 4);
        // Two sequences: the second is the first, begun three steps later.
        let mut b = vec![0.0; 40];
        (b[0], b[26]) = (1.0, 1.0);
        let b = g.leaf(20, 2, b);
        let h = g.scan(a, b, 2);
        for t in 0..10 {
            let expected = [crate::math::cos(0.3 * t as f64), crate::math::sin(0.3 * t as f64)];
            let late = if t < 3 { [0.0; 2] } else { [g.value(h)[2 * t - 6], g.value(h)[2 * t - 5]] };
            for i in 0..2 {
                assert!((g.value(h)[2 * t + i] - expected[i]).abs() < 1e-15);
                assert_eq!(g.value(h)[20 + 2 * t + i], late[i]);
            }
        }
    }
}
