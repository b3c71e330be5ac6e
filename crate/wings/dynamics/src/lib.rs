//! Dynamical systems: learning and computing with flows and maps.

orrery_core::wing! {
    "dynamics", "Dynamical systems";
}

orrery_browser::export!(crate::WING);
