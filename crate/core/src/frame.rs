//! What one moment of a run looks like, and the hash by which two runs are compared.

use crate::claim::Claim;
use crate::figure::Figures;

/// A moment of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Steps run.
    pub step: usize,
    /// Whether the run is over.
    pub done: bool,
    /// The pictures.
    pub figures: Figures,
    /// What was measured.
    pub claim: Claim,
}

impl Frame {
    /// The figures' descriptions as JSON.
    pub fn layout_json(&self) -> String {
        serde_json::to_string(self.figures.layouts()).unwrap_or_default()
    }

    /// The claim as JSON.
    pub fn claim_json(&self) -> String {
        serde_json::to_string(&self.claim).unwrap_or_default()
    }

    /// A 64-bit FNV-1a hash of everything in the frame. Two runs agree to the bit exactly when their hashes do (but
    /// for chance, one in 2^64). Every NaN counts as the same.
    pub fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for byte in (self.step as u64).to_le_bytes() {
            add(byte);
        }
        self.layout_json().bytes().for_each(&mut add);
        self.claim_json().bytes().for_each(&mut add);
        for &number in self.figures.data() {
            let number = if number.is_nan() { f64::NAN } else { number };
            number.to_bits().to_le_bytes().into_iter().for_each(&mut add);
        }
        hash
    }
}
