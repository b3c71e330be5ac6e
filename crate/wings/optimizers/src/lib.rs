//! First-order methods: how a step is taken.

pub mod curves;
pub mod plane;
pub mod problems;
pub mod sweep;

orrery_core::wing! {
    "optimizers", "Optimizers";
    lion_lyapunov::LionLyapunov,
    stochastic_model_based::StochasticModelBased,
    optimizer_arena::OptimizerArena,
}

orrery_browser::export!(crate::WING);
