//! First-order methods: how a step is taken.

pub mod curves;
pub mod plane;
pub mod sweep;

orrery_core::wing! {
    "optimizers", "Optimizers";
    amsgrad::Amsgrad,
    last_iterate_sgd::LastIterate,
    lion_lyapunov::LionLyapunov,
    lsa_heavy_tails::LsaHeavyTails,
    normalized_lr_perceptron::NormalizedLr,
    stochastic_agd_interpolation::StochasticAgd,
}

orrery_browser::export!(crate::WING);
