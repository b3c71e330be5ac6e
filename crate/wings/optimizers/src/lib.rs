//! First-order methods: how a step is taken.

orrery_core::wing! {
    "optimizers", "Optimizers";
    lion_lyapunov::LionLyapunov,
    stochastic_model_based::StochasticModelBased,
}

orrery_browser::export!(crate::WING);
