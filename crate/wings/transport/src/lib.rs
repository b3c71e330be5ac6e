//! Optimal transport: moving one measure onto another.

orrery_core::wing! {
    "transport", "Optimal transport";
}

orrery_browser::export!(crate::WING);
