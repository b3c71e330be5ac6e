//! First-order methods: how a step is taken.

orrery_core::wing! {
    "optimizers", "Optimizers";
    lion_lyapunov::LionLyapunov,
}

orrery_browser::export!(crate::WING);
