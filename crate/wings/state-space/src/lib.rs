//! State-space models: memory by linear recurrence.

orrery_core::wing! {
    "state-space", "State-space models";
}

orrery_browser::export!(crate::WING);
