//! Training dynamics: what gradient descent does to a network on its way.

orrery_core::wing! {
    "training-dynamics", "Training dynamics";
    grokking_energy_peaks::GrokkingEnergyPeaks,
}

orrery_browser::export!(crate::WING);
