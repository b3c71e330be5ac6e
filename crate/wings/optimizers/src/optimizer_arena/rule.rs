//! The rules that race, each with its constants.

use super::restated::Restated;
use orrery_core::prelude::*;
use orrery_kernels::optim::{
    AdaBelief, Adafactor, Adagrad, Adam, AdamW, AmsGrad, Carried, DAdaptAdam, DAdaptSgd, DAdaptation, DiffGrad, Dog,
    Lion, Method, Normalized, Polyak, Prodigy, RmsProp, Sam, ScheduleFree, Sgd, TripleMomentum, UDog,
};

/// How a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Rule {
    /// Both moments of the gradient, corrected.
    #[choice("Adam")]
    Adam,
    /// Gradient descent with the heavy ball's momentum.
    #[choice("momentum")]
    Momentum,
    /// The sign of a momentum.
    #[choice("Lion")]
    Lion,
    /// Distance over gradients; no rate.
    #[choice("DoG")]
    Dog,
    /// Plain gradient descent.
    #[choice("SGD")]
    Sgd,
    /// Adam with the gradient's deviation for its square.
    #[choice("AdaBelief")]
    AdaBelief,
    /// Momentum with a look ahead.
    #[choice("Nesterov")]
    Nesterov,
    /// Schedule-free gradient descent.
    #[choice("schedule-free SGD")]
    ScheduleFree,
    /// Adam whose rate finds itself.
    #[choice("Prodigy")]
    Prodigy,
    /// Adam with decoupled weight decay.
    #[choice("AdamW")]
    AdamW,
    /// Adam whose steps per gradient never grow.
    #[choice("AMSGrad")]
    AmsGrad,
    /// The running mean of squares alone.
    #[choice("RMSProp")]
    RmsProp,
    /// The sum of squares of every coordinate.
    #[choice("AdaGrad")]
    AdaGrad,
    /// The sum of squared norms.
    #[choice("AdaGrad-Norm")]
    AdaGradNorm,
    /// Second moments by rows and columns.
    #[choice("Adafactor")]
    Adafactor,
    /// Adam, braked where the gradient is steady.
    #[choice("diffGrad")]
    DiffGrad,
    /// The gradient from the worst point nearby.
    #[choice("SAM")]
    Sam,
    /// Steps of one length.
    #[choice("normalised GD")]
    Normalized,
    /// Schedule-free AdamW.
    #[choice("schedule-free AdamW")]
    ScheduleFreeAdam,
    /// Two momenta: the fastest for a condition number of 25.
    #[choice("triple momentum")]
    TripleMomentum,
    /// DoG, accelerated; two gradients a step, no rate.
    #[choice("U-DoG")]
    UDog,
    /// Dual averaging that finds the distance; no rate.
    #[choice("D-Adaptation")]
    DAdaptation,
    /// SGD that finds the distance; no rate.
    #[choice("D-Adapt SGD")]
    DAdaptSgd,
    /// Adam that finds the distance; no rate.
    #[choice("D-Adapt Adam")]
    DAdaptAdam,
    /// The height over the squared slope; no rate.
    #[choice("Polyak")]
    Polyak,
    /// Polyak's step for a heavy ball; no rate.
    #[choice("ALR-HB")]
    PolyakBall,
    /// Polyak's step along an averaged gradient; no rate.
    #[choice("ALR-MAG")]
    PolyakMean,
}

/// A method that can be copied along with a run.
pub trait Racer: Method {
    /// The same, boxed anew.
    fn copy(&self) -> Box<dyn Racer>;
}

impl<M: Method + Clone + 'static> Racer for M {
    fn copy(&self) -> Box<dyn Racer> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Racer> {
    fn clone(&self) -> Self {
        (**self).copy()
    }
}

/// What a rule needs to know of the problem.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Parameters.
    pub n: usize,
    /// The matrices that they form, for Adafactor.
    pub matrices: Vec<(usize, usize)>,
    /// The least value, for Polyak's steps.
    pub least: f64,
}

/// Constants that rules share.
pub const MOMENTUM: f64 = 0.9;
/// Of Adam and its kin.
pub const BETA: [f64; 2] = [0.9, 0.999];
/// Of Lion.
pub const LION: [f64; 2] = [0.9, 0.99];
/// Of RMSProp.
pub const RMS: f64 = 0.99;
/// Weight decay of AdamW and Lion.
pub const DECAY: f64 = 0.01;
/// How far up SAM looks.
pub const RADIUS: f64 = 0.05;
/// The first guess of the distance.
pub const FIRST: f64 = 1e-6;

impl Rule {
    /// The rate that it comes with in its package; none if it finds its own.
    pub fn rate(self) -> Option<f64> {
        match self {
            Self::Adam | Self::AdamW | Self::AmsGrad | Self::AdaBelief | Self::DiffGrad => Some(1e-3),
            Self::Lion => Some(1e-4),
            Self::ScheduleFree => Some(1.0),
            Self::ScheduleFreeAdam => Some(2.5e-3),
            Self::Dog | Self::UDog | Self::Prodigy | Self::DAdaptation | Self::DAdaptSgd | Self::DAdaptAdam => None,
            Self::Polyak | Self::PolyakBall | Self::PolyakMean => None,
            _ => Some(1e-2),
        }
    }

    /// The rule as the playground has it. `corrected` says whether Adam and AMSGrad correct their means.
    pub fn fresh(self, rate: f64, shape: &Shape, corrected: bool) -> Box<dyn Racer> {
        let Shape { n, ref matrices, least } = *shape;
        match self {
            Self::Sgd => Box::new(Sgd::new(n, rate, 0.0)),
            Self::Momentum => Box::new(Sgd::new(n, rate, MOMENTUM)),
            Self::Nesterov => Box::new(Sgd::nesterov(n, rate, MOMENTUM)),
            Self::TripleMomentum => {
                let mut fastest = TripleMomentum::fastest(1.0, 25.0);
                fastest.rate = rate;
                Box::new(fastest)
            }
            Self::Normalized => Box::new(Normalized { rate }),
            Self::Sam => Box::new(Sam { base: Sgd::new(n, rate, 0.0), radius: RADIUS }),
            Self::AdaGrad => Box::new(Adagrad::new(n, rate, 0.0)),
            Self::AdaGradNorm => Box::new(Adagrad::norm(rate, 0.0)),
            Self::RmsProp => Box::new(RmsProp::new(n, rate, RMS)),
            Self::Adam => {
                let mut adam = Adam::new(n, rate, BETA);
                adam.corrected = corrected;
                Box::new(adam)
            }
            Self::AdamW => Box::new(AdamW::new(n, rate, BETA, DECAY)),
            Self::AmsGrad => {
                let mut amsgrad = AmsGrad::new(n, rate, BETA);
                amsgrad.corrected = corrected;
                Box::new(amsgrad)
            }
            Self::Adafactor => Box::new(Adafactor::new(matrices, rate)),
            Self::Lion => Box::new(Lion::new(n, rate, LION, DECAY)),
            Self::AdaBelief => Box::new(AdaBelief::new(n, rate, BETA)),
            Self::DiffGrad => Box::new(DiffGrad::new(n, rate, BETA)),
            Self::ScheduleFree => Box::new(ScheduleFree::sgd(rate, MOMENTUM)),
            Self::ScheduleFreeAdam => Box::new(ScheduleFree::adamw(rate, BETA, DECAY)),
            Self::Dog => Box::new(Dog::<f64>::new()),
            Self::UDog => Box::new(UDog::new()),
            Self::DAdaptation => Box::new(DAdaptation::<f64>::new(FIRST)),
            Self::DAdaptSgd => Box::new(DAdaptSgd::<f64>::new(0.0, FIRST)),
            Self::DAdaptAdam => Box::new(DAdaptAdam::new(n, BETA, FIRST)),
            Self::Prodigy => Box::new(Prodigy::new(n, BETA, FIRST)),
            Self::Polyak => Box::new(Polyak::new(n, least, Carried::Displacement(0.0))),
            Self::PolyakBall => Box::new(Polyak::new(n, least, Carried::Displacement(MOMENTUM))),
            Self::PolyakMean => Box::new(Polyak::new(n, least, Carried::Gradient(MOMENTUM))),
        }
    }

    /// The same rule in its other formulation.
    pub fn restated(self, rate: f64, shape: &Shape) -> Restated {
        Restated::new(self, rate, shape.clone())
    }
}
