//! Optimizers that several exhibits train and race with.
//!
//! Each keeps its state for one flat vector of parameters and moves it in place: a network of `networks` has its
//! parameters in such a vector, and so has a function of two variables. Defaults are those of the paper; every constant
//! is a field. Learning rates and factors are `f64`, whatever the parameters are.
//!
//! ```
//! use orrery_kernels::optim::{AdamW, Optimizer, Sgd};
//!
//! // f(x) = x₁² + 10 x₂²
//! let gradient = |x: &[f64]| [2.0 * x[0], 20.0 * x[1]];
//! let contenders: [Box<dyn Optimizer<f64>>; 2] =
//!     [Box::new(Sgd::new(2, 0.05, 0.5)), Box::new(AdamW::new(2, 0.05, [0.9, 0.999], 0.0))];
//! for mut contender in contenders {
//!     let mut x = [1.0, 1.0];
//!     for t in 0..400 {
//!         *contender.rate() = 0.05 / (1.0 + 0.05 * f64::from(t));
//!         let g = gradient(&x);
//!         contender.step(&mut x, &g);
//!     }
//!     assert!(x[0].abs() < 1e-4 && x[1].abs() < 1e-4);
//! }
//! ```

mod adabelief;
mod adafactor;
mod adagrad;
mod adam;
mod adamw;
mod amsgrad;
mod armijo;
mod d_adapt_adam;
mod d_adapt_sgd;
mod d_adaptation;
mod diffgrad;
mod dog;
mod lbfgs;
mod lion;
mod moments;
mod normalized;
mod polyak;
mod prodigy;
mod rmsprop;
mod sam;
mod schedule_free;
mod sgd;
mod triple_momentum;
mod u_dog;
mod vector;
mod wolfe;

pub use adabelief::AdaBelief;
pub use adafactor::{Adafactor, Forgetting};
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamw::AdamW;
pub use amsgrad::AmsGrad;
pub use armijo::armijo;
pub use d_adapt_adam::DAdaptAdam;
pub use d_adapt_sgd::DAdaptSgd;
pub use d_adaptation::DAdaptation;
pub use diffgrad::DiffGrad;
pub use dog::Dog;
pub use lbfgs::{Lbfgs, Step};
pub use lion::Lion;
pub use normalized::Normalized;
pub use polyak::{Carried, Polyak};
pub use prodigy::Prodigy;
pub use rmsprop::RmsProp;
pub use sam::Sam;
pub use schedule_free::ScheduleFree;
pub use sgd::Sgd;
pub use triple_momentum::TripleMomentum;
pub use u_dog::UDog;
pub use wolfe::{Stalled, Wolfe};

/// A rule that needs no more than the gradient where it stands.
pub trait Optimizer<T> {
    /// One update of the parameters `x` by the gradient `g` at `x`, both as long as the optimizer was made for.
    fn step(&mut self, x: &mut [T], g: &[T]);

    /// The learning rate, for a schedule to set before a step.
    fn rate(&mut self) -> &mut f64;
}

/// A rule that looks at the function where it wants to: at its value, or at the gradient of other points than the one it
/// is at. Every [`Optimizer`] is one that looks once, where it stands.
pub trait Method {
    /// One update of the parameters `x`. `look` gives the value at a point and writes the gradient there.
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64);

    /// The learning rate, or the factor on what the rule finds itself, for a schedule to set before a step.
    fn learning_rate(&mut self) -> &mut f64;
}

impl<R: Optimizer<f64>> Method for R {
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        let mut g = vec![0.0; x.len()];
        look(x, &mut g);
        self.step(x, &g);
    }

    fn learning_rate(&mut self) -> &mut f64 {
        self.rate()
    }
}
