//! Optimal transport: moving one measure onto another.

mod boundary;
mod energy_distance;
mod newton;
mod potential;
mod single;

orrery_core::wing! {
    "transport", "Optimal transport";
    transport_table::TransportTable,
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
    sum_of_norms_ot::SumOfNormsOt,
    semidiscrete_entropic_map::SemidiscreteEntropicMap,
    meta_optimal_transport::MetaOptimalTransport,
    variational_jko::VariationalJko,
    energy_guided_eot::EnergyGuidedEot,
    bures_deep_linear::BuresDeepLinear,
    adversarial_boundary_flow::BoundaryFlow,
    dirrac_recourse::Dirrac,
    magic_unitary_sinkhorn::MagicSinkhorn,
    amortized_sliced_directions::AmortizedSlicedDirections,
}

orrery_browser::export!(crate::WING, gpu);
