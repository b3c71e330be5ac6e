//! State-space models: memory by linear recurrence.

orrery_core::wing! {
    "state-space", "State-space models";
    hippo_warped_legendre::HippoWarpedLegendre,
    selective_ssm_signature::SelectiveSsmSignature,
    slice_state_tracking::SliceStateTracking,
}

orrery_browser::export!(crate::WING);
