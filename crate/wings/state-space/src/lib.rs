//! State-space models: memory by linear recurrence.

orrery_core::wing! {
    "state-space", "State-space models";
    hippo_warped_legendre::HippoWarpedLegendre,
    ssm_learning_dynamics::SsmLearningDynamics,
    mamba_token_flow::MambaTokenFlow,
    adaptive_filter_attention::AdaptiveFilterAttention,
}

orrery_browser::export!(crate::WING);
