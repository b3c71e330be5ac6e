//! State-space models: memory by linear recurrence.

mod diagonal_layer;
mod spectral_filters;

orrery_core::wing! {
    "state-space", "State-space models";
    hippo_warped_legendre::HippoWarpedLegendre,
    stable_ssm::StableSsm,
    hippo_prophecy::HippoProphecy,
    chebyshev_spectral_filter::ChebyshevSpectralFilter,
    spectral_ssm_stu::SpectralSsmStu,
}

orrery_browser::export!(crate::WING);
