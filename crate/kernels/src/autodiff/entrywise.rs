//! Operations that act on every entry by itself.

use super::operation::{Map, Operation};
use super::{Graph, Node};
use crate::math::Float;
use std::f64::consts::FRAC_1_SQRT_2;

/// A row of an operand, or the one entry that stands for it.
enum Row<'a, T> {
    Each(&'a [T]),
    One(T),
}

impl<T: Float> Graph<T> {
    /// Both of one shape, or either of them a row, a column or a number that is repeated along the other.
    fn entrywise(&mut self, operation: Operation<T>, a: Node, b: Node, f: impl Fn(T, T) -> T + Copy) -> Node {
        let ((a_rows, a_columns), (b_rows, b_columns)) = (self.shape(a), self.shape(b));
        let (rows, columns) = (repeated(a_rows, b_rows), repeated(a_columns, b_columns));
        let mut value = Vec::with_capacity(rows * columns);
        if (a_rows, a_columns) == (b_rows, b_columns) {
            value.extend(self.value(a).iter().zip(self.value(b)).map(move |(&a, &b)| f(a, b)));
        } else {
            for i in 0..rows {
                match (self.row(a, i, columns), self.row(b, i, columns)) {
                    (Row::Each(a), Row::Each(b)) => value.extend(a.iter().zip(b).map(move |(&a, &b)| f(a, b))),
                    (Row::Each(a), Row::One(b)) => value.extend(a.iter().map(move |&a| f(a, b))),
                    (Row::One(a), Row::Each(b)) => value.extend(b.iter().map(move |&b| f(a, b))),
                    (Row::One(a), Row::One(b)) => value.extend((0..columns).map(|_| f(a, b))),
                }
            }
        }
        self.push(operation, rows, columns, value)
    }

    /// Row `i` of `a` repeated to `columns` and as many rows as it takes.
    fn row(&self, a: Node, i: usize, columns: usize) -> Row<'_, T> {
        let (height, width) = self.shape(a);
        let start = if height == 1 { 0 } else { i * width };
        let row = &self.value(a)[start..start + width];
        if width == columns { Row::Each(row) } else { Row::One(row[0]) }
    }

    // The function travels by value: what it captured by reference would be read again for every entry.
    fn each(&mut self, operation: Operation<T>, a: Node, f: impl Fn(T) -> T) -> Node {
        let (rows, columns) = self.shape(a);
        let value = self.value(a).iter().map(move |&a| f(a)).collect();
        self.push(operation, rows, columns, value)
    }

    /// `a + b`. Here and in the other operations of two matrices, either may be a row, a column or a number, which is
    /// repeated along the other.
    pub fn add(&mut self, a: Node, b: Node) -> Node {
        self.entrywise(Operation::Add(a, b), a, b, |a, b| a + b)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: Node, b: Node) -> Node {
        self.entrywise(Operation::Sub(a, b), a, b, |a, b| a - b)
    }

    /// `a ∘ b`, entry by entry.
    pub fn mul(&mut self, a: Node, b: Node) -> Node {
        self.entrywise(Operation::Mul(a, b), a, b, |a, b| a * b)
    }

    /// `x` where `gate > 0`, and zero elsewhere.
    pub fn gate(&mut self, x: Node, gate: Node) -> Node {
        assert_eq!(self.shape(x), self.shape(gate), "a gate for every entry");
        let open = |x, gate| if gate > T::default() { x } else { T::default() };
        self.entrywise(Operation::Gate { x, gate }, x, gate, open)
    }

    /// `c a`.
    pub fn scale(&mut self, a: Node, c: T) -> Node {
        self.each(Operation::Scale(a, c), a, move |a| c * a)
    }

    /// `a + c` in every entry.
    pub fn shift(&mut self, a: Node, c: T) -> Node {
        self.each(Operation::Shift(a), a, move |a| a + c)
    }

    /// `e^a` in every entry.
    pub fn exp(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Exp, a), a, T::exp)
    }

    /// The natural logarithm of every entry.
    pub fn log(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Log, a), a, T::log)
    }

    /// `1 / a` in every entry.
    pub fn recip(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Recip, a), a, |a| T::of(1.0) / a)
    }

    /// The square root of every entry.
    pub fn sqrt(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Sqrt, a), a, T::sqrt)
    }

    /// The hyperbolic tangent.
    pub fn tanh(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Tanh, a), a, T::tanh)
    }

    /// The logistic function `1 / (1 + e^-a)`.
    pub fn sigmoid(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Sigmoid, a), a, |a| T::of(1.0) / (T::of(1.0) + (-a).exp()))
    }

    /// The error function.
    pub fn erf(&mut self, a: Node) -> Node {
        self.each(Operation::Map(Map::Erf, a), a, T::erf)
    }

    /// The distribution function of the standard normal law.
    pub fn normal_cdf(&mut self, a: Node) -> Node {
        let cdf = |a: T| T::of(0.5) * (T::of(1.0) + (T::of(FRAC_1_SQRT_2) * a).erf());
        self.each(Operation::Map(Map::NormalCdf, a), a, cdf)
    }

    /// `max(a, 0)`.
    pub fn relu(&mut self, a: Node) -> Node {
        self.gate(a, a)
    }
}

fn repeated(a: usize, b: usize) -> usize {
    assert!(a == b || a == 1 || b == 1, "sides of {a} and {b} in an entrywise operation");
    if a == 1 { b } else { a }
}
