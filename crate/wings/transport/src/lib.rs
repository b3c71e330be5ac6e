//! Optimal transport: moving one measure onto another.

orrery_core::wing! {
    "transport", "Optimal transport";
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
    sum_of_norms_ot::SumOfNormsOt,
    semidiscrete_entropic_map::SemidiscreteEntropicMap,
    variational_jko::VariationalJko,
    bures_deep_linear::BuresDeepLinear,
    adversarial_boundary_flow::BoundaryFlow,
    dirrac_recourse::Dirrac,
    magic_unitary_sinkhorn::MagicSinkhorn,
}

orrery_browser::export!(crate::WING);
