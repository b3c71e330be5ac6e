//! Small networks, written in the operations of [`autodiff`](crate::autodiff).
//!
//! A network knows how its parameters, named matrices, lie in one flat vector ([`Parameters`]): optimizers, line searches and
//! eigenvalue methods see that vector alone. A loss is written down as a graph; its gradient and its Hessian-vector products
//! come from there.
//!
//! ```
//! use orrery_kernels::networks::{Activation, Initialization, Mlp};
//! use orrery_kernels::optim::{Adam, Optimizer};
//! use rand::SeedableRng;
//!
//! // Exclusive or.
//! let (x, classes) = (vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
//! let network = Mlp::new(&[2, 8, 2], Activation::Tanh, Initialization::Glorot);
//! let mut theta: Vec<f64> = network.parameters.initial(&mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
//! let mut gradient = vec![0.0; theta.len()];
//! let mut adam = Adam::new(theta.len(), 0.05, [0.9, 0.999]);
//! let mut loss = f64::INFINITY;
//! for _ in 0..200 {
//!     loss = network.parameters.gradient(&theta, &mut gradient, |graph, p| {
//!         let x = graph.leaf(4, 2, x.clone());
//!         let logits = network.apply(graph, p, x);
//!         graph.cross_entropy(logits, &classes)
//!     });
//!     adam.step(&mut theta, &gradient);
//! }
//! assert!(loss < 0.01);
//! ```

mod activation;
mod convolutional;
mod mlp;
mod parameters;
mod transformer;

pub use activation::Activation;
pub use convolutional::{ConvolutionalLayer, ConvolutionalNetwork};
pub use mlp::Mlp;
pub use parameters::{Initialization, Matrix, Parameters};
pub use transformer::{Input, Positions, Transformer, TransformerShape};
