//! Optimal transport: moving one measure onto another.

mod newton;

orrery_core::wing! {
    "transport", "Optimal transport";
    sinkhorn_newton_sparse::SinkhornNewtonSparse,
    transport_table::TransportTable,
}

orrery_browser::export!(crate::WING);
