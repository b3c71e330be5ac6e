//! State-space models: memory by linear recurrence.

mod diagonal_layer;

orrery_core::wing! {
    "state-space", "State-space models";
    hippo_warped_legendre::HippoWarpedLegendre,
    stable_ssm::StableSsm,
    hippo_prophecy::HippoProphecy,
}

orrery_browser::export!(crate::WING);
