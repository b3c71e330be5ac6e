//! Optimal transport: moving one measure onto another.

orrery_core::wing! {
    "transport", "Optimal transport";
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
    variational_jko::VariationalJko,
}

orrery_browser::export!(crate::WING);
