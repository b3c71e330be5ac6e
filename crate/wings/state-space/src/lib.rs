//! State-space models: memory by linear recurrence.

orrery_core::wing! {
    "state-space", "State-space models";
    hippo_warped_legendre::HippoWarpedLegendre,
    memory_bench::MemoryBench,
    perturb_then_diagonalize::PerturbThenDiagonalize,
    s4d_two_line_kernel::S4dTwoLineKernel,
}

orrery_browser::export!(crate::WING);
