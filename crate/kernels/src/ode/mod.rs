//! Ordinary differential equations $\dot y = f(t, y)$.

mod dormand_prince;

pub use dormand_prince::{DormandPrince, Stuck};
