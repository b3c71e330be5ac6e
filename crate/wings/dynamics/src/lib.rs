//! Dynamical systems: learning and computing with flows and maps.

orrery_core::wing! {
    "dynamics", "Dynamical systems";
    koopman_liar_detector::KoopmanLiarDetector,
}

orrery_browser::export!(crate::WING);
