//! What the machine's 128-bit units do when nothing waits for memory.

use crate::Workload;
use crate::matmul::SIZE;
use std::hint::black_box;
use wide::f32x4;

/// Accumulators, each a vector of four. A multiplication and an addition that wait for each other take some six cycles,
/// and two of either begin in each: thirteen chains keep the units full, and with their factor and term fill the
/// fifteen registers that V8 hands out.
const CHAINS: usize = 13;

/// Turns of one multiplication and one addition of every lane.
const TURNS: usize = (2 * SIZE * SIZE * SIZE).div_ceil(2 * 4 * CHAINS);

/// A unit of work is as many multiplications and additions as a product of [`SIZE`] x [`SIZE`] matrices takes, on numbers
/// that never leave their registers.
struct Peak([f32x4; CHAINS]);

/// Chains that begin at different numbers.
pub fn peak() -> impl Workload {
    Peak(std::array::from_fn(|chain| f32x4::splat(chain as f32)))
}

impl Workload for Peak {
    fn unit(&mut self) {
        // Opaque to the compiler, so that it cannot know where the chains lead, or that two of them meet.
        let (factor, term) = (black_box(f32x4::splat(0.5)), black_box(f32x4::splat(1.0)));
        let mut chains = black_box(self.0);
        // Nor may it unroll, which V8 does not like.
        for _ in 0..black_box(TURNS) {
            for chain in &mut chains {
                *chain = *chain * factor + term;
            }
        }
        self.0 = black_box(chains);
    }

    /// Every chain ends at `term / (1 - factor) = 2`.
    fn check(&self) -> f64 {
        self.0.iter().map(|chain| f64::from(chain.reduce_add())).sum()
    }
}
