//! The parallel scan of a linear recurrence with one input and one output, in products of matrices.

use crate::linalg::{View, matmul, matmul_add};

/// The output of a recurrence from rest, in blocks of `B` samples, `B` the length of `kernel`.
///
/// `kernel` is the output `B` samples long that a block's first input leaves; row `j` of `ends` (`B` x `S`) the state that
/// its input `j` leaves at the block's end; column `j` of `reads` (`S` x `B`) what a state before the block adds to its
/// output `j`. `carry` takes a state over one block and adds what the block left.
pub(super) fn blocked(
    u: &[f64],
    kernel: &[f64],
    ends: &[f64],
    reads: &[f64],
    mut carry: impl FnMut(&mut [f64], &[f64]),
) -> Vec<f64> {
    let block = kernel.len();
    let (count, size) = (u.len().div_ceil(block), reads.len() / block);
    if size == 0 {
        return vec![0.0; u.len()];
    }
    let mut padded = u.to_vec();
    padded.resize(count * block, 0.0);
    let padded = View::by_rows(&padded, count, block);
    let mut toeplitz = vec![0.0; block * block];
    for (i, row) in toeplitz.chunks_exact_mut(block).enumerate() {
        row[i..].copy_from_slice(&kernel[..block - i]);
    }
    let mut y = matmul(padded, View::by_rows(&toeplitz, block, block));
    let ends = matmul(padded, View::by_rows(ends, block, size));
    let (mut carried, mut state) = (Vec::with_capacity(count * size), vec![0.0; size]);
    for end in ends.chunks_exact(size) {
        carried.extend_from_slice(&state);
        carry(&mut state, end);
    }
    matmul_add(View::by_rows(&carried, count, size), View::by_rows(reads, size, block), &mut y);
    y.truncate(u.len());
    y
}
