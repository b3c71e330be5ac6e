//! The operations of a graph, and the adjoint of each, written in operations.

use super::scan::Along;
use super::{Graph, Node};
use crate::math::Float;
use crate::math::{PI, TAU};
use std::rc::Rc;

/// How a node came about.
#[derive(Clone)]
pub(super) enum Operation<T> {
    Leaf,
    Add(Node, Node),
    Sub(Node, Node),
    Mul(Node, Node),
    Gate { x: Node, gate: Node },
    Scale(Node, T),
    Shift(Node),
    Map(Map, Node),
    Product { a: (Node, bool), b: (Node, bool), count: usize },
    Spread(Node),
    Collect(Node),
    Reshape(Node),
    Pick(Node, Rc<[Option<u32>]>),
    Put(Node, Rc<[Option<u32>]>),
    LogSoftmax(Node),
    Scan { a: Node, b: Node, count: usize, along: Along },
}

/// A function of one number.
#[derive(Clone, Copy)]
pub(super) enum Map {
    Exp,
    Log,
    Recip,
    Sqrt,
    Tanh,
    Sigmoid,
    Erf,
    NormalCdf,
}

impl<T: Float> Operation<T> {
    /// What the node depends on.
    pub(super) fn inputs(&self) -> [Option<Node>; 2] {
        match *self {
            Self::Leaf => [None, None],
            Self::Add(a, b) | Self::Sub(a, b) | Self::Mul(a, b) => [Some(a), Some(b)],
            Self::Product { a: (a, _), b: (b, _), .. } | Self::Scan { a, b, .. } => [Some(a), Some(b)],
            // The gate opens and closes, and has no slope.
            Self::Gate { x, .. } => [Some(x), None],
            Self::Scale(a, _) | Self::Shift(a) | Self::Map(_, a) | Self::Spread(a) => [Some(a), None],
            Self::Collect(a) | Self::Reshape(a) | Self::Pick(a, _) | Self::Put(a, _) | Self::LogSoftmax(a) => {
                [Some(a), None]
            }
        }
    }
}

impl<T: Float> Graph<T> {
    /// What the adjoint `d` of node `y` contributes to the adjoint of its input number `input`.
    pub(super) fn pull_back(&mut self, y: Node, d: Node, input: usize) -> Node {
        let operation = self.entries[y.0].operation.clone();
        match operation {
            Operation::Leaf | Operation::Shift(_) => d,
            Operation::Add(a, b) => self.unrepeated(d, if input == 0 { a } else { b }),
            Operation::Sub(a, _) if input == 0 => self.unrepeated(d, a),
            Operation::Sub(_, b) => {
                let sum = self.unrepeated(d, b);
                self.scale(sum, T::of(-1.0))
            }
            Operation::Mul(a, b) => {
                let (own, other) = if input == 0 { (a, b) } else { (b, a) };
                let product = self.mul(d, other);
                self.unrepeated(product, own)
            }
            Operation::Gate { gate, .. } => self.gate(d, gate),
            Operation::Scale(_, c) => self.scale(d, c),
            Operation::Map(map, x) => {
                let slope = self.slope(map, x, y);
                self.mul(d, slope)
            }
            // Y = op(A) op(B): dA = dY op(B)ᵀ, dB = op(A)ᵀ dY, transposed again where the input was.
            Operation::Product { a: (_, false), b: (b, tb), count } if input == 0 => {
                self.products((d, false), (b, !tb), count)
            }
            Operation::Product { b: (b, tb), count, .. } if input == 0 => self.products((b, tb), (d, true), count),
            Operation::Product { a: (a, ta), b: (_, false), count } => self.products((a, !ta), (d, false), count),
            Operation::Product { a: (a, ta), count, .. } => self.products((d, true), (a, ta), count),
            Operation::Scan { .. } => self.pull_back_scan(y, d, input),
            Operation::Spread(a) => self.unrepeated(d, a),
            Operation::Collect(a) => {
                let (rows, columns) = self.shape(a);
                self.spread(d, rows, columns)
            }
            Operation::Reshape(a) => {
                let (rows, columns) = self.shape(a);
                self.reshape(d, rows, columns)
            }
            Operation::Pick(a, index) => {
                let (rows, columns) = self.shape(a);
                self.put(d, rows, columns, index)
            }
            Operation::Put(a, index) => {
                let (rows, columns) = self.shape(a);
                self.pick(d, rows, columns, index)
            }
            // y = x - log Σ e^x: dx = dy - softmax(x) Σ dy, row by row.
            Operation::LogSoftmax(_) => {
                let rows = self.shape(y).0;
                let softmax = self.exp(y);
                let total = self.collect(d, rows, 1);
                let share = self.mul(softmax, total);
                self.sub(d, share)
            }
        }
    }

    /// `d` summed over what was repeated to make its shape of that of `a`.
    fn unrepeated(&mut self, d: Node, a: Node) -> Node {
        let (rows, columns) = self.shape(a);
        self.collect(d, rows, columns)
    }

    /// The derivative of `y = map(x)`, entry by entry.
    fn slope(&mut self, map: Map, x: Node, y: Node) -> Node {
        match map {
            Map::Exp => y,
            Map::Log => self.recip(x),
            // -1/x²
            Map::Recip => {
                let square = self.mul(y, y);
                self.scale(square, T::of(-1.0))
            }
            // 1/(2√x)
            Map::Sqrt => {
                let recip = self.recip(y);
                self.scale(recip, T::of(0.5))
            }
            // 1 - tanh²
            Map::Tanh => {
                let square = self.mul(y, y);
                let negative = self.scale(square, T::of(-1.0));
                self.shift(negative, T::of(1.0))
            }
            // σ(1 - σ)
            Map::Sigmoid => {
                let square = self.mul(y, y);
                self.sub(y, square)
            }
            // 2/√π e^(-x²)
            Map::Erf => self.bell(x, 1.0, 2.0 / PI.sqrt()),
            // 1/√2π e^(-x²/2)
            Map::NormalCdf => self.bell(x, 0.5, 1.0 / TAU.sqrt()),
        }
    }

    /// `height e^(-narrowness x²)`.
    fn bell(&mut self, x: Node, narrowness: f64, height: f64) -> Node {
        let square = self.mul(x, x);
        let exponent = self.scale(square, T::of(-narrowness));
        let bell = self.exp(exponent);
        self.scale(bell, T::of(height))
    }
}
