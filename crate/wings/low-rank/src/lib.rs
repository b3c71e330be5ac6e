//! Low-rank learning: matrices and tensors of few degrees of freedom.

orrery_core::wing! {
    "low-rank", "Low-rank learning";
    overparam_sensing_curse::OverparamSensingCurse,
}

orrery_browser::export!(crate::WING);
