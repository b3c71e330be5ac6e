//! Ordinary differential equations $\dot y = f(t, y)$.
//!
//! [`RungeKutta4`] takes the steps it is told to, [`DormandPrince`] those that an error allows, and [`Rodas`] does the
//! same for stiff problems, where stability and not accuracy would keep the steps of the other two short.

mod dormand_prince;
mod rodas;
mod runge_kutta;

pub use dormand_prince::{DormandPrince, Stuck};
pub use rodas::{Rodas, jacobian_by_differences};
pub use runge_kutta::RungeKutta4;
