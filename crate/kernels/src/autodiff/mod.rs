//! Reverse-mode differentiation over matrices.
//!
//! A [`Graph`] computes as it is written down and remembers how. The adjoint of every operation is itself written down
//! in operations, so that a gradient is a node like any other and can be differentiated again: a Hessian-vector product
//! is the gradient of `⟨∇f, v⟩`.
//!
//! ```
//! use orrery_kernels::autodiff::Graph;
//!
//! let mut g = Graph::new();
//! let x = g.leaf(1, 2, vec![3.0, 4.0]);
//! let square = g.mul(x, x);
//! let f = g.sum(square);
//! let [gradient] = g.gradient(f, [x]);
//! assert_eq!(g.value(gradient), [6.0, 8.0]);
//! let v = g.leaf(1, 2, vec![1.0, 0.0]);
//! let [product] = g.hessian_vector(f, [x], [v]);
//! assert_eq!(g.value(product), [2.0, 0.0]);
//! ```

mod float;
mod gradient;
mod layers;
mod operation;

pub use float::Float;
pub use layers::Convolution;

use crate::linalg::View;
use operation::{Map, Operation};
use std::rc::Rc;

/// A matrix in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(usize);

struct Entry<T> {
    operation: Operation<T>,
    rows: usize,
    columns: usize,
    value: Rc<Vec<T>>,
}

/// Matrices and how they came about. Entries lie by rows.
///
/// Shapes that do not fit together are a fault of the program that writes the graph, and panic.
#[derive(Default)]
pub struct Graph<T> {
    entries: Vec<Entry<T>>,
}

impl<T: Float> Graph<T> {
    /// An empty graph.
    pub fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// A matrix that is given: a parameter, data, or a constant.
    pub fn leaf(&mut self, rows: usize, columns: usize, entries: Vec<T>) -> Node {
        assert_eq!(entries.len(), rows * columns, "a {rows} x {columns} matrix");
        self.push(Operation::Leaf, rows, columns, entries)
    }

    /// Rows and columns.
    pub fn shape(&self, node: Node) -> (usize, usize) {
        (self.entries[node.0].rows, self.entries[node.0].columns)
    }

    /// The entries, by rows.
    pub fn value(&self, node: Node) -> &[T] {
        &self.entries[node.0].value
    }

    /// The one entry of a 1 x 1 matrix.
    pub fn scalar(&self, node: Node) -> T {
        assert_eq!(self.shape(node), (1, 1), "a scalar");
        self.value(node)[0]
    }

    fn push(&mut self, operation: Operation<T>, rows: usize, columns: usize, value: Vec<T>) -> Node {
        debug_assert_eq!(value.len(), rows * columns);
        self.entries.push(Entry { operation, rows, columns, value: Rc::new(value) });
        Node(self.entries.len() - 1)
    }

    fn view(&self, node: Node, transposed: bool) -> View<'_, T> {
        let (rows, columns) = self.shape(node);
        let view = View::by_rows(self.value(node), rows, columns);
        if transposed { view.t() } else { view }
    }

    fn entrywise(&mut self, operation: Operation<T>, a: Node, b: Node, f: impl Fn(T, T) -> T) -> Node {
        assert_eq!(self.shape(a), self.shape(b), "shapes of an entrywise operation");
        let (rows, columns) = self.shape(a);
        let value = self.value(a).iter().zip(self.value(b)).map(|(&a, &b)| f(a, b)).collect();
        self.push(operation, rows, columns, value)
    }

    fn each(&mut self, operation: Operation<T>, a: Node, f: impl Fn(T) -> T) -> Node {
        let (rows, columns) = self.shape(a);
        let value = self.value(a).iter().map(|&a| f(a)).collect();
        self.push(operation, rows, columns, value)
    }

    /// `a + b`.
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
        let zero = T::default();
        self.entrywise(Operation::Gate { x, gate }, x, gate, |x, gate| if gate > zero { x } else { zero })
    }

    /// `c a`.
    pub fn scale(&mut self, a: Node, c: T) -> Node {
        self.each(Operation::Scale(a, c), a, |a| c * a)
    }

    /// `a + c` in every entry.
    pub fn shift(&mut self, a: Node, c: T) -> Node {
        self.each(Operation::Shift(a), a, |a| a + c)
    }

    fn map(&mut self, map: Map, a: Node) -> Node {
        self.each(Operation::Map(map, a), a, |a| map.of(a))
    }

    /// `e^a` in every entry.
    pub fn exp(&mut self, a: Node) -> Node {
        self.map(Map::Exp, a)
    }

    /// The natural logarithm of every entry.
    pub fn log(&mut self, a: Node) -> Node {
        self.map(Map::Log, a)
    }

    /// `1 / a` in every entry.
    pub fn recip(&mut self, a: Node) -> Node {
        self.map(Map::Recip, a)
    }

    /// The square root of every entry.
    pub fn sqrt(&mut self, a: Node) -> Node {
        self.map(Map::Sqrt, a)
    }

    /// `max(a, 0)`.
    pub fn relu(&mut self, a: Node) -> Node {
        self.gate(a, a)
    }

    /// The hyperbolic tangent.
    pub fn tanh(&mut self, a: Node) -> Node {
        self.map(Map::Tanh, a)
    }

    /// The logistic function `1 / (1 + e^-a)`.
    pub fn sigmoid(&mut self, a: Node) -> Node {
        self.map(Map::Sigmoid, a)
    }

    /// The error function.
    pub fn erf(&mut self, a: Node) -> Node {
        self.map(Map::Erf, a)
    }

    /// `op(a) op(b)`, where `op` transposes or does not.
    pub fn product(&mut self, a: (Node, bool), b: (Node, bool)) -> Node {
        let (left, right) = (self.view(a.0, a.1), self.view(b.0, b.1));
        let (rows, columns) = (left.rows(), right.columns());
        let value = crate::linalg::matmul(left, right);
        self.push(Operation::Product { a, b }, rows, columns, value)
    }

    /// `a b`.
    pub fn matmul(&mut self, a: Node, b: Node) -> Node {
        self.product((a, false), (b, false))
    }

    /// Repeats a single row, a single column or a single entry to `rows` x `columns`.
    pub fn spread(&mut self, a: Node, rows: usize, columns: usize) -> Node {
        let (height, width) = self.shape(a);
        if (height, width) == (rows, columns) {
            return a;
        }
        assert!((height == rows || height == 1) && (width == columns || width == 1), "a shape to spread from");
        let entries = self.value(a);
        let at = |i: usize, j: usize| entries[i.min(height - 1) * width + j.min(width - 1)];
        let value = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| at(i, j)).collect();
        self.push(Operation::Spread(a), rows, columns, value)
    }

    /// Sums over rows, columns or both, down to `rows` x `columns`, where each is as before or one: what undoes
    /// [`spread`](Self::spread) in a gradient.
    pub fn collect(&mut self, a: Node, rows: usize, columns: usize) -> Node {
        let (height, width) = self.shape(a);
        if (height, width) == (rows, columns) {
            return a;
        }
        assert!((rows == height || rows == 1) && (columns == width || columns == 1), "a shape to collect into");
        let mut value = vec![T::default(); rows * columns];
        for (i, row) in self.value(a).chunks_exact(width.max(1)).enumerate() {
            for (j, &entry) in row.iter().enumerate() {
                value[i.min(rows - 1) * columns + j.min(columns - 1)] += entry;
            }
        }
        self.push(Operation::Collect(a), rows, columns, value)
    }

    /// The sum of all entries, 1 x 1.
    pub fn sum(&mut self, a: Node) -> Node {
        self.collect(a, 1, 1)
    }

    /// A `rows` x `columns` matrix whose entry `i` (by rows) is entry `index[i]` of `a`, or zero where that is
    /// [`None`]: transposing, slicing, padding, unfolding patches, looking up rows.
    pub fn pick(&mut self, a: Node, rows: usize, columns: usize, index: Rc<[Option<u32>]>) -> Node {
        assert_eq!(index.len(), rows * columns, "an index for every entry");
        let entries = self.value(a);
        let value = index.iter().map(|index| index.map_or_else(T::default, |i| entries[i as usize])).collect();
        self.push(Operation::Pick(a, index), rows, columns, value)
    }

    /// A `rows` x `columns` matrix to whose entry `index[i]` entry `i` of `a` is added: the adjoint of
    /// [`pick`](Self::pick).
    pub fn put(&mut self, a: Node, rows: usize, columns: usize, index: Rc<[Option<u32>]>) -> Node {
        assert_eq!(index.len(), self.value(a).len(), "an index for every entry");
        let mut value = vec![T::default(); rows * columns];
        for (&entry, index) in self.value(a).iter().zip(index.iter()) {
            if let Some(index) = index {
                value[*index as usize] += entry;
            }
        }
        self.push(Operation::Put(a, index), rows, columns, value)
    }

    /// `a_ij - log Σ_k exp(a_ik)`: the logarithm of the softmax of each row.
    pub fn log_softmax(&mut self, a: Node) -> Node {
        let (rows, columns) = self.shape(a);
        let mut value = self.value(a).to_vec();
        for row in value.chunks_exact_mut(columns.max(1)) {
            let greatest = row.iter().copied().fold(row[0], |most, x| if x > most { x } else { most });
            let mut sum = T::default();
            row.iter().for_each(|&x| sum += (x - greatest).exp());
            let normaliser = greatest + sum.log();
            row.iter_mut().for_each(|x| *x = *x - normaliser);
        }
        self.push(Operation::LogSoftmax(a), rows, columns, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A scalar function of several matrices, to be checked.
    type Function = fn(&mut Graph<f64>, &[Node]) -> Node;

    type Shapes = &'static [(usize, usize)];

    /// Every layer, each with the shapes of its parameters.
    const FUNCTIONS: [(&str, Shapes, Function); 9] = [
        ("polynomial", &[(2, 3), (2, 3)], |g, p| {
            let difference = g.sub(p[0], p[1]);
            let product = g.mul(difference, p[0]);
            let cube = g.mul(product, product);
            g.sum(cube)
        }),
        ("maps", &[(2, 3)], |g, p| {
            let square = g.mul(p[0], p[0]);
            let positive = g.shift(square, 0.5);
            let [log, root, recip] = [g.log(positive), g.sqrt(positive), g.recip(positive)];
            let [bounded, logistic, erf] = [g.tanh(log), g.sigmoid(root), g.erf(recip)];
            let exp = g.exp(erf);
            let sum = g.add(bounded, logistic);
            let sum = g.add(sum, exp);
            g.sum(sum)
        }),
        ("products", &[(2, 3), (4, 3), (2, 4)], |g, p| {
            let a = g.product((p[0], false), (p[1], true));
            let b = g.product((p[2], true), (a, false));
            let c = g.product((b, true), (p[2], true));
            let bounded = g.tanh(c);
            g.sum(bounded)
        }),
        ("network", &[(5, 3), (3, 4), (1, 4), (4, 3), (1, 3)], |g, p| {
            let hidden = g.linear(p[0], p[1], p[2]);
            let hidden = g.gelu(hidden);
            let logits = g.linear(hidden, p[3], p[4]);
            g.cross_entropy(logits, &[0, 2, 1, 1, 0])
        }),
        ("layer norm", &[(3, 4), (1, 4), (1, 4), (3, 4)], |g, p| {
            let normal = g.layer_norm(p[0], p[1], p[2], 1e-5);
            g.mean_squared_error(normal, p[3])
        }),
        ("attention", &[(4, 3), (4, 3), (4, 2)], |g, p| {
            let attention = g.attention(p[0], p[1], p[2], true);
            let square = g.mul(attention, attention);
            g.sum(square)
        }),
        ("convolution", &[(2, 30), (18, 2), (1, 2)], |g, p| {
            let layer = Convolution::new(2, (2, 3, 5), 2, (3, 3), 2);
            let y = layer.apply(g, p[0], p[1], p[2]);
            let y = g.tanh(y);
            let square = g.mul(y, y);
            g.sum(square)
        }),
        ("signal convolution", &[(2, 7), (3, 2), (1, 2)], |g, p| {
            let layer = Convolution::new(2, (1, 1, 7), 2, (1, 3), 1);
            let y = layer.apply(g, p[0], p[1], p[2]);
            let y = g.sigmoid(y);
            g.sum(y)
        }),
        ("slices", &[(3, 5)], |g, p| {
            let slice = g.columns(p[0], 1, 3);
            let softmax = g.softmax(slice);
            let mean = g.row_mean(softmax);
            let product = g.product((mean, true), (slice, false));
            let square = g.mul(product, product);
            g.sum(square)
        }),
    ];

    fn normal(shapes: &[(usize, usize)], seed: u64) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut entry = || rng.sample::<f64, _>(rand_distr::StandardNormal);
        shapes.iter().map(|(rows, columns)| (0..rows * columns).map(|_| entry()).collect()).collect()
    }

    fn leaves(g: &mut Graph<f64>, shapes: &[(usize, usize)], entries: &[Vec<f64>]) -> Vec<Node> {
        shapes.iter().zip(entries).map(|(&(rows, columns), entries)| g.leaf(rows, columns, entries.clone())).collect()
    }

    fn along(x: &[Vec<f64>], t: f64, v: &[Vec<f64>]) -> Vec<Vec<f64>> {
        x.iter().zip(v).map(|(x, v)| x.iter().zip(v).map(|(x, v)| x + t * v).collect()).collect()
    }

    fn dot(g: &Graph<f64>, nodes: &[Node], v: &[Vec<f64>]) -> f64 {
        nodes.iter().zip(v).flat_map(|(&node, v)| g.value(node).iter().zip(v)).map(|(a, b)| a * b).sum()
    }

    // A central difference of step h errs by O(h²) and by rounding of about 1e-16/h.
    const STEP: f64 = 1e-5;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn gradients_and_hessians_agree_with_central_differences(seed in 0_u64..1_000_000) {
            for (name, shapes, function) in FUNCTIONS {
                let (x, v, w) = (normal(shapes, seed), normal(shapes, seed + 1), normal(shapes, seed + 2));
                let value_and_slope = |t: f64| {
                    let mut g = Graph::new();
                    let p = leaves(&mut g, shapes, &along(&x, t, &v));
                    let f = function(&mut g, &p);
                    let gradients = g.gradients(f, &p);
                    (g.scalar(f), dot(&g, &gradients, &v), dot(&g, &gradients, &w))
                };
                let (ahead, behind) = (value_and_slope(STEP), value_and_slope(-STEP));
                let (_, slope, _) = value_and_slope(0.0);
                let difference = (ahead.0 - behind.0) / (2.0 * STEP);
                prop_assert!((slope - difference).abs() <= 1e-7 * (1.0 + slope.abs() + ahead.0.abs()), "{name}: {slope} {difference}");

                let mut g = Graph::new();
                let p = leaves(&mut g, shapes, &x);
                let directions = leaves(&mut g, shapes, &v);
                let f = function(&mut g, &p);
                let products = g.hessian_vectors(f, &p, &directions);
                let curvature = dot(&g, &products, &w);
                let difference = (ahead.2 - behind.2) / (2.0 * STEP);
                prop_assert!((curvature - difference).abs() <= 1e-6 * (1.0 + curvature.abs() + slope.abs()), "{name}: {curvature} {difference}");
            }
        }
    }

    #[test]
    fn in_single_precision_the_gradient_of_cross_entropy_is_softmax_less_truth() {
        let mut g = Graph::<f32>::new();
        let x = g.leaf(1, 2, vec![3.0, 4.0]);
        let f = g.cross_entropy(x, &[1]);
        let [gradient] = g.gradient(f, [x]);
        let share = 1.0 / (1.0 + libm::expf(1.0));
        // The logits' own rounding, half a unit in the last place of 4, is what is left.
        let rounding = 4.0 * f32::EPSILON;
        assert!((g.value(gradient)[0] - share).abs() <= rounding && (g.value(gradient)[1] + share).abs() <= rounding);
    }

    #[test]
    fn what_a_function_does_not_depend_on_has_no_gradient() {
        let mut g = Graph::new();
        let (x, y) = (g.leaf(1, 1, vec![2.0]), g.leaf(1, 2, vec![5.0, 6.0]));
        let f = g.mul(x, x);
        let [dx, dy] = g.gradient(f, [x, y]);
        assert_eq!((g.value(dx), g.value(dy)), ([4.0].as_slice(), [0.0, 0.0].as_slice()));
    }
}
