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

mod arrange;
mod attention;
mod convolution;
mod entrywise;
mod gradient;
mod layers;
mod loss;
mod operation;
mod product;
mod scan;

pub use convolution::{Convolution, Pooling};

use crate::math::Float;
use operation::Operation;

/// A matrix in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(usize);

struct Entry<T> {
    operation: Operation<T>,
    rows: usize,
    columns: usize,
    value: Vec<T>,
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
        self.entries.push(Entry { operation, rows, columns, value });
        Node(self.entries.len() - 1)
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
    const FUNCTIONS: [(&str, Shapes, Function); 16] = [
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
            let attention = g.attention(p[0], p[1], p[2], true, 1);
            let square = g.mul(attention, attention);
            g.sum(square)
        }),
        ("convolution", &[(2, 30), (18, 2), (1, 2)], |g, p| {
            let layer = Convolution::new((3, 5, 2), (3, 3), 2);
            let y = layer.apply(g, p[0], p[1], p[2]);
            let y = g.tanh(y);
            let square = g.mul(y, y);
            g.sum(square)
        }),
        ("signal convolution", &[(2, 7), (3, 2), (1, 2)], |g, p| {
            let layer = Convolution::new((1, 7, 1), (1, 3), 1);
            let y = layer.apply(g, p[0], p[1], p[2]);
            let y = g.sigmoid(y);
            g.sum(y)
        }),
        ("lookup", &[(4, 3)], |g, p| {
            let rows = g.rows(p[0], &[2, 0, 2, 3]);
            let square = g.product((rows, false), (p[0], true));
            let square = g.mul(square, square);
            g.sum(square)
        }),
        ("scan", &[(6, 2), (6, 2)], |g, p| {
            let h = g.scan(p[0], p[1], 2);
            let square = g.mul(h, h);
            g.sum(square)
        }),
        ("scan of blocks", &[(8, 8), (8, 4)], |g, p| {
            let a = g.tanh(p[0]);
            let h = g.scan(a, p[1], 2);
            let square = g.mul(h, h);
            g.sum(square)
        }),
        ("repetition", &[(3, 4), (1, 4), (3, 1), (1, 1)], |g, p| {
            let a = g.mul(p[0], p[1]);
            let a = g.sub(p[2], a);
            let a = g.mul(p[3], a);
            let outer = g.add(p[2], p[1]);
            let a = g.mul(a, outer);
            let a = g.tanh(a);
            g.sum(a)
        }),
        ("heads", &[(6, 2), (9, 2), (9, 3)], |g, p| {
            let attention = g.attention(p[0], p[1], p[2], false, 3);
            let square = g.mul(attention, attention);
            g.sum(square)
        }),
        ("mean pooling", &[(2, 30)], |g, p| {
            let mean = Pooling::Mean.apply(g, p[0], (3, 5, 2), (1, 2));
            let mean = g.reshape(mean, 4, 6);
            let square = g.product((mean, true), (mean, false));
            g.sum(square)
        }),
        ("smooth activations", &[(3, 4)], |g, p| {
            let [a, b] = [g.softplus(p[0]), g.silu(p[0])];
            let product = g.mul(a, b);
            g.sum(product)
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

    /// The derivative at zero by four points: it errs by about `h⁴/30` times the fifth derivative, and by rounding of 1e-16/h.
    fn slope(f: impl Fn(f64) -> f64) -> f64 {
        let h = 3e-5;
        (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn gradients_and_hessians_agree_with_central_differences(seed in 0_u64..1_000_000) {
            for (name, shapes, function) in FUNCTIONS {
                let (x, v, w) = (normal(shapes, seed), normal(shapes, seed + 1), normal(shapes, seed + 2));
                let at = |t: f64| {
                    let mut g = Graph::new();
                    let p = leaves(&mut g, shapes, &along(&x, t, &v));
                    let f = function(&mut g, &p);
                    let gradients = g.gradients(f, &p);
                    [g.scalar(f), dot(&g, &gradients, &v), dot(&g, &gradients, &w)]
                };
                let (expected, [value, mine, _]) = (slope(|t| at(t)[0]), at(0.0));
                prop_assert!((mine - expected).abs() <= 1e-7 * (1.0 + mine.abs() + value.abs()), "{name}: {mine} {expected}");

                let mut g = Graph::new();
                let p = leaves(&mut g, shapes, &x);
                let directions = leaves(&mut g, shapes, &v);
                let f = function(&mut g, &p);
                let products = g.hessian_vectors(f, &p, &directions);
                let (curvature, expected) = (dot(&g, &products, &w), slope(|t| at(t)[2]));
                let size = 1.0 + curvature.abs() + mine.abs();
                prop_assert!((curvature - expected).abs() <= 1e-7 * size, "{name}: {curvature} {expected}");
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
    fn at_kinks_the_gradient_takes_the_side_it_is_on() {
        let mut g = Graph::new();
        let x = g.leaf(1, 6, vec![-2.0, 1.0, 3.0, 5.0, -1.0, -4.0]);
        let (relu, leaky) = (g.relu(x), g.leaky_relu(x, 0.25));
        assert_eq!(g.value(relu), [0.0, 1.0, 3.0, 5.0, 0.0, 0.0]);
        assert_eq!(g.value(leaky), [-0.5, 1.0, 3.0, 5.0, -0.25, -1.0]);
        let greatest = Pooling::Max.apply(&mut g, leaky, (2, 3, 1), (2, 1));
        assert_eq!((g.shape(greatest), g.value(greatest)), ((1, 3), [5.0, 1.0, 3.0].as_slice()));
        let f = g.sum(leaky);
        let [slopes] = g.gradient(f, [x]);
        assert_eq!(g.value(slopes), [0.25, 1.0, 1.0, 1.0, 0.25, 0.25]);
        let f = g.sum(greatest);
        let [slopes] = g.gradient(f, [x]);
        assert_eq!(g.value(slopes), [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_softplus_neither_overflows_nor_vanishes() {
        let mut g = Graph::new();
        let x = g.leaf(1, 4, vec![-800.0, 0.0, 40.0, 800.0]);
        let y = g.softplus(x);
        let f = g.sum(y);
        let [slopes] = g.gradient(f, [x]);
        assert_eq!(g.value(slopes), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!((g.value(y)[0], g.value(y)[2], g.value(y)[3]), (0.0, 40.0, 800.0));
        assert!((g.value(y)[1] - std::f64::consts::LN_2).abs() < 1e-15);
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
