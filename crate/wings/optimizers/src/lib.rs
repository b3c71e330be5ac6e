//! First-order methods: how a step is taken.

pub mod curves;
pub mod lanes;
pub mod linear_model;
pub mod plane;
pub mod problems;
pub mod schedule;
pub mod sweep;

orrery_core::wing! {
    "optimizers", "Optimizers";
    optimizer_arena::OptimizerArena,
    lion_lyapunov::LionLyapunov,
    amsgrad::Amsgrad,
    normalized_lr_perceptron::NormalizedLr,
    last_iterate_sgd::LastIterate,
    stochastic_agd_interpolation::StochasticAgd,
    stochastic_model_based::StochasticModelBased,
    lsa_heavy_tails::LsaHeavyTails,
    polyak_momentum_steps::PolyakMomentum,
    adabelief::AdaBeliefRace,
    diffgrad::DiffGradHills,
    d_adaptation::DAdaptationRun,
    u_dog::UDogRun,
    schedule_free::ScheduleFreeRun,
    iterate_to_accelerate::IterateToAccelerate,
    passive_acceleration::PassiveAcceleration,
    target_surrogate_sso::TargetSurrogate,
    adadagrad::AdAdaGrad,
    teleportation_symmetry::Teleportation,
    greedy_block_descent::GreedyBlockDescent,
    adam_generalized_smooth::AdamGeneralized,
    cbo_is_gradient::CboIsGradient,
    adafactor_row_column::AdafactorRun,
    sam_flat_minima::SamFlatMinima,
    schedule_by_refinement::ScheduleRefinement,
    schedule_theory_agreement::ScheduleTheory,
    zeroth_order_frank_wolfe::ZerothOrderFrankWolfe,
    directional_attack_dsm::DirectionalAttack,
    eggroll_lowrank_es::Eggroll,
    amortized_optimization::Amortized,
    math_structured_l2o::StructuredL2o,
    convex_complexity_atlas::Atlas,
    lion_symbolic_discovery::LionDiscovery,
    trace_opto::TraceOpto,
}

orrery_browser::export!(crate::WING);
