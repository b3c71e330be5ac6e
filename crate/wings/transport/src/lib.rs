//! Optimal transport: moving one measure onto another.

orrery_core::wing! {
    "transport", "Optimal transport";
    adversarial_boundary_flow::BoundaryFlow,
    dirrac_recourse::Dirrac,
    magic_unitary_sinkhorn::MagicSinkhorn,
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
}

orrery_browser::export!(crate::WING);
