//! Matrices that are known, or written down as a formula of others.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// A batch of `f32` matrices of one shape, known or still to be computed from others.
///
/// What is done with a tensor is only written down; [`super::Compute::read`] carries it out, all of it in one go. So a
/// chain of products (`a.matmul(&b).matmul(&c)`) leaves the device once, at its end, and a run that loses its device
/// can compute the same formula elsewhere. A tensor that has been read is known, and forgets its formula.
///
/// Sizes that do not fit together are a mistake of the program, and panic.
#[derive(Clone)]
pub struct Tensor {
    pub(super) node: Rc<Node>,
    pub(super) transposed: bool,
}

/// What a [`Tensor`] refers to, before it is transposed.
pub struct Node {
    shape: Shape,
    value: RefCell<Value>,
    resident: RefCell<Option<Rc<dyn Any>>>,
}

enum Value {
    Known(Rc<Vec<f32>>),
    Unknown(Formula),
}

/// How many matrices, of how many rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Matrices.
    pub batch: usize,
    /// Rows of each.
    pub rows: usize,
    /// Columns of each.
    pub columns: usize,
}

impl Shape {
    /// Entries of all matrices.
    pub fn entries(self) -> usize {
        self.batch * self.rows * self.columns
    }

    /// The shape of the transposes.
    pub fn t(self) -> Self {
        Self { batch: self.batch, rows: self.columns, columns: self.rows }
    }
}

/// An operation on tensors.
#[derive(Clone)]
pub enum Formula {
    /// The product of matrices.
    Matmul(Tensor, Tensor),
    /// Entry by entry, of two; along a side of length 1 an operand is repeated.
    Pair(Pair, Tensor, Tensor),
    /// Entry by entry, of one.
    Map(Map, Tensor),
    /// `exp(x_ij) / Σ_j exp(x_ij)`, every row for itself.
    Softmax(Tensor),
}

/// Two entries become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pair {
    /// `α a + β b`.
    Combine(f32, f32),
    /// `a b`.
    Times,
    /// `a / b`.
    Over,
}

/// One entry becomes another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Map {
    /// `α x`.
    Scale(f32),
    /// `exp(x)`.
    Exp,
}

impl Tensor {
    /// One `rows` x `columns` matrix, by rows.
    pub fn new(entries: Vec<f32>, rows: usize, columns: usize) -> Self {
        Self::batch(entries, 1, rows, columns)
    }

    /// `batch` matrices of `rows` x `columns`, each by rows.
    pub fn batch(entries: Vec<f32>, batch: usize, rows: usize, columns: usize) -> Self {
        assert_eq!(entries.len(), batch * rows * columns, "{batch} matrices of {rows} x {columns}");
        let value = RefCell::new(Value::Known(Rc::new(entries)));
        let node = Node { shape: Shape { batch, rows, columns }, value, resident: RefCell::default() };
        Self { node: Rc::new(node), transposed: false }
    }

    fn unknown(shape: Shape, formula: Formula) -> Self {
        let node = Node { shape, value: RefCell::new(Value::Unknown(formula)), resident: RefCell::default() };
        Self { node: Rc::new(node), transposed: false }
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        if self.transposed { self.node.shape.t() } else { self.node.shape }
    }

    /// The transposes. Nothing is computed or moved.
    pub fn t(&self) -> Self {
        Self { node: self.node.clone(), transposed: !self.transposed }
    }

    /// The products `self · other`. A single matrix meets every matrix of a batch.
    pub fn matmul(&self, other: &Self) -> Self {
        let (a, b) = (self.shape(), other.shape());
        assert_eq!(a.columns, b.rows, "the inner sizes of a product");
        let shape = Shape { batch: common(a.batch, b.batch), rows: a.rows, columns: b.columns };
        Self::unknown(shape, Formula::Matmul(self.clone(), other.clone()))
    }

    /// `α self + β other`.
    pub fn combine(&self, alpha: f32, other: &Self, beta: f32) -> Self {
        self.pair(Pair::Combine(alpha, beta), other)
    }

    /// `self_ij other_ij`.
    pub fn times(&self, other: &Self) -> Self {
        self.pair(Pair::Times, other)
    }

    /// `self_ij / other_ij`.
    pub fn over(&self, other: &Self) -> Self {
        self.pair(Pair::Over, other)
    }

    /// `α self`.
    pub fn scale(&self, alpha: f32) -> Self {
        self.map(Map::Scale(alpha))
    }

    /// `exp(self_ij)`.
    pub fn exp(&self) -> Self {
        self.map(Map::Exp)
    }

    /// `exp(self_ij) / Σ_j exp(self_ij)`.
    pub fn softmax(&self) -> Self {
        Self::unknown(self.shape(), Formula::Softmax(self.clone()))
    }

    fn map(&self, map: Map) -> Self {
        Self::unknown(self.shape(), Formula::Map(map, self.clone()))
    }

    fn pair(&self, pair: Pair, other: &Self) -> Self {
        let (a, b) = (self.shape(), other.shape());
        let batch = common(a.batch, b.batch);
        let shape = Shape { batch, rows: common(a.rows, b.rows), columns: common(a.columns, b.columns) };
        Self::unknown(shape, Formula::Pair(pair, self.clone(), other.clone()))
    }

    /// The entries by rows, of a tensor that is known.
    pub(super) fn entries(&self) -> Rc<Vec<f32>> {
        let known = self.node.known().unwrap_or_default();
        let Shape { rows, columns, .. } = self.node.shape;
        if !self.transposed || rows <= 1 || columns <= 1 {
            return known;
        }
        let matrices = known.chunks_exact(rows * columns);
        let turned = |matrix: &[f32]| (0..rows * columns).map(|at| matrix[at % rows * columns + at / rows]).collect();
        Rc::new(matrices.flat_map(|matrix| -> Vec<f32> { turned(matrix) }).collect())
    }
}

/// The length of a side that both have, or that one has and the other, of length 1, repeats along.
fn common(a: usize, b: usize) -> usize {
    assert!(a == b || a == 1 || b == 1, "sides of length {a} and {b}");
    if a == 1 { b } else { a }
}

impl Node {
    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The entries, if they are known.
    pub fn known(&self) -> Option<Rc<Vec<f32>>> {
        match &*self.value.borrow() {
            Value::Known(entries) => Some(entries.clone()),
            Value::Unknown(_) => None,
        }
    }

    /// How the entries come about, if they are not known.
    pub fn formula(&self) -> Option<Formula> {
        match &*self.value.borrow() {
            Value::Known(_) => None,
            Value::Unknown(formula) => Some(formula.clone()),
        }
    }

    /// A copy of the known entries that an engine keeps where it computes, so that they travel there once.
    pub fn resident(&self) -> Option<Rc<dyn Any>> {
        self.resident.borrow().clone()
    }

    /// Keeps a copy; see [`Node::resident`].
    pub fn reside(&self, copy: Rc<dyn Any>) {
        *self.resident.borrow_mut() = Some(copy);
    }

    pub(super) fn settle(&self, entries: Vec<f32>) {
        assert_eq!(entries.len(), self.shape.entries(), "the entries of a tensor that was computed");
        let known = Value::Known(Rc::new(entries));
        let before = self.value.replace(known);
        unravel(before);
    }
}

impl Formula {
    /// The tensors it is made of.
    pub fn operands(&self) -> impl Iterator<Item = &Tensor> {
        let (a, b) = match self {
            Self::Matmul(a, b) | Self::Pair(_, a, b) => (a, Some(b)),
            Self::Map(_, a) | Self::Softmax(a) => (a, None),
        };
        std::iter::once(a).chain(b)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        unravel(self.value.replace(Value::Known(Rc::default())));
    }
}

/// Drops a formula and what only it refers to, without descending: a long chain would overflow the stack.
fn unravel(value: Value) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        let Value::Unknown(formula) = value else { continue };
        let operands: Vec<Tensor> = formula.operands().cloned().collect();
        drop(formula);
        for tensor in operands {
            if let Some(node) = Rc::into_inner(tensor.node) {
                left.push(node.value.replace(Value::Known(Rc::default())));
            }
        }
    }
}
