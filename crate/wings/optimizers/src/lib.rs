//! First-order methods: how a step is taken.

orrery_core::wing! {
    "optimizers", "Optimizers";
}

orrery_browser::export!(crate::WING);
