//! Where large matrix products run: on the CPU, which is the reference everywhere.

use orrery_core::compute::{Compute, Local, Matrix, Products};
use orrery_kernels::linalg::{View, matmul};

/// Products on the CPU.
struct Cpu;

impl Products for Cpu {
    fn matmul<'a>(&'a self, a: Matrix<'a>, b: Matrix<'a>) -> Local<'a, Vec<f32>> {
        Box::pin(async move { matmul(view(a), view(b)) })
    }

    fn name(&self) -> &str {
        "CPU"
    }
}

fn view(matrix: Matrix<'_>) -> View<'_, f32> {
    let stored = View::by_rows(matrix.entries, matrix.rows, matrix.columns);
    if matrix.transposed { stored.t() } else { stored }
}

/// Products on the CPU.
pub fn cpu() -> Compute {
    Compute::new(Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transpose_of_a_product_is_the_product_of_the_transposes() {
        let a: Vec<f32> = (0..6).map(|i| i as f32 - 2.0).collect();
        let b: Vec<f32> = (0..12).map(|i| (i * i % 7) as f32).collect();
        let (a, b) = (Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 4));
        let product = Cpu.matmul(a, b);
        let transposed = Cpu.matmul(b.t(), a.t());
        let product = pollster::block_on(product);
        let transposed = pollster::block_on(transposed);
        let column = |j: usize| product.iter().skip(j).step_by(4).copied();
        assert_eq!((0..4).flat_map(column).collect::<Vec<_>>(), transposed);
    }
}
