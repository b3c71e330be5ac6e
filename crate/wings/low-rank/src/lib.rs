//! Low-rank learning: matrices and tensors of few degrees of freedom.

orrery_core::wing! {
    "low-rank", "Low-rank learning";
}

orrery_browser::export!(crate::WING);
