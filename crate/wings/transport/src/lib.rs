//! Optimal transport: moving one measure onto another.

orrery_core::wing! {
    "transport", "Optimal transport";
    bures_deep_linear::BuresDeepLinear,
    adversarial_boundary_flow::BoundaryFlow,
    dirrac_recourse::Dirrac,
    magic_unitary_sinkhorn::MagicSinkhorn,
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
    variational_jko::VariationalJko,
    semidiscrete_entropic_map::SemidiscreteEntropicMap,
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
    sum_of_norms_ot::SumOfNormsOt,
}

orrery_browser::export!(crate::WING);
