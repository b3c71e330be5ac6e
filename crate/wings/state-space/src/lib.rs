//! State-space models: memory by linear recurrence.

mod diagonal_layer;
mod spectral_filters;

orrery_core::wing! {
    "state-space", "State-space models";
    memory_bench::MemoryBench,
    hippo_warped_legendre::HippoWarpedLegendre,
    perturb_then_diagonalize::PerturbThenDiagonalize,
    s4d_two_line_kernel::S4dTwoLineKernel,
    stable_ssm::StableSsm,
    hippo_prophecy::HippoProphecy,
    chebyshev_spectral_filter::ChebyshevSpectralFilter,
    spectral_ssm_stu::SpectralSsmStu,
    ssm_learning_dynamics::SsmLearningDynamics,
    mamba_token_flow::MambaTokenFlow,
    adaptive_filter_attention::AdaptiveFilterAttention,
    selective_ssm_signature::SelectiveSsmSignature,
    slice_state_tracking::SliceStateTracking,
    icl_iterative_newton::IclIterativeNewton,
    grass_switching_graph::GrassSwitchingGraph,
    deep_ssm_showdown::DeepSsmShowdown,
}

orrery_browser::export!(crate::WING);
