//! How fast products are on this machine, and whether a GPU's agree with the CPU's.

use crate::device::Gpu;
use crate::{always, cpu, now};
use orrery_core::compute::{CPU, Compute, Tensor};
use std::rc::Rc;

/// A `n` x `n` matrix of norm about one, so that its powers neither overflow nor vanish.
fn matrix(n: usize) -> Tensor {
    Tensor::new(numbers(n * n, 1).into_iter().map(|x| x * (3.0 / n as f32).sqrt()).collect(), n, n)
}

/// Numbers between -1 and 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mixed = |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(2_246_822_519) >> 8;
    (0..count as u32).map(|i| mixed(i) as f32 / 8_388_608.0 - 1.0).collect()
}

/// Floating-point operations of a product of `n` x `n` matrices.
pub fn operations(n: usize) -> f64 {
    2.0 * (n * n * n) as f64
}

/// The shortest time, in milliseconds, that the CPU takes for a product of `n` x `n` matrices, measured for at least
/// `milliseconds`.
pub async fn cpu_product(n: usize, milliseconds: f64) -> f64 {
    best(&cpu(), n, 1, milliseconds).await
}

/// The shortest time, in milliseconds, in which `gpu` takes `n` x `n` matrices, multiplies `products` times in a chain,
/// and gives the last product back; measured as [`cpu_product`]. Nothing if it fails.
pub async fn gpu_products(gpu: &Rc<Gpu>, n: usize, products: usize, milliseconds: f64) -> Option<f64> {
    let compute = always(gpu.clone());
    let time = best(&compute, n, products, milliseconds).await;
    (*compute.name() != *CPU && !gpu.is_lost()).then_some(time)
}

/// Products of two matrices that lie on a GPU, each of the one before it and the second matrix.
pub struct Chain {
    gpu: Rc<Gpu>,
    first: Tensor,
    second: Tensor,
    ones: Tensor,
}

impl Chain {
    /// Of two `n` x `n` matrices with entries spread over [-1, 1), by rows. The second is scaled, so that the products
    /// neither overflow nor vanish.
    pub fn new(gpu: Rc<Gpu>, first: Vec<f32>, second: Vec<f32>, n: usize) -> Self {
        let scale = (3.0 / n as f32).sqrt();
        let second = second.into_iter().map(|entry| scale * entry).collect();
        let [first, second] = [first, second].map(|entries| Tensor::new(entries, n, n));
        Self { gpu, first, second, ones: Tensor::new(vec![1.0; n], n, 1) }
    }

    fn products(&self, times: usize) -> Tensor {
        (0..times).fold(self.first.clone(), |product, _| product.matmul(&self.second))
    }

    /// Multiplies `times` times, and waits for the sums of the last product's rows. Nothing if the GPU fails.
    pub async fn run(&self, times: usize) -> Option<()> {
        self.read(&self.products(times).matmul(&self.ones)).await.map(drop)
    }

    /// The sum of the squares of the first product's entries. Nothing if the GPU fails.
    pub async fn check(&self) -> Option<f64> {
        let product = self.read(&self.products(1)).await?;
        Some(product.iter().map(|&entry| f64::from(entry) * f64::from(entry)).sum())
    }

    async fn read(&self, wanted: &Tensor) -> Option<Rc<Vec<f32>>> {
        let compute = always(self.gpu.clone());
        let [entries] = compute.read([wanted]).await;
        (*compute.name() != *CPU).then_some(entries)
    }
}

/// Clocks of browsers tell tenths of milliseconds, or whole ones: so long is measured at once.
const AT_ONCE: f64 = 10.0;

/// After so long there is no second run.
const LONG: f64 = 2000.0;

async fn best(compute: &Compute, n: usize, products: usize, milliseconds: f64) -> f64 {
    let (begun, mut best, mut runs, mut count) = (now(), f64::INFINITY, 0, 1_u32);
    while runs < 2 || now() - begun < milliseconds {
        // New tensors every time: they travel to the GPU again.
        let tensors: Vec<_> = (0..count).map(|_| matrix(n)).collect();
        let chain = |x: &Tensor| (0..products).fold(x.clone(), |product, _| product.matmul(x));
        let chains: Vec<_> = tensors.iter().map(chain).collect();
        let start = now();
        for chain in &chains {
            compute.read([chain]).await;
        }
        let time = now() - start;
        if time < AT_ONCE {
            count *= 2;
            continue;
        }
        best = best.min(time / f64::from(count));
        runs += 1;
        if now() - begun > LONG {
            break;
        }
    }
    best
}

/// How far the products of `gpu` are from the CPU's, relative to the largest entry: of odd sizes, of all transposes, of
/// batches, and of chains with operations between. Nothing if it fails.
pub async fn deviation(gpu: &Rc<Gpu>) -> Option<f64> {
    let forms: [fn() -> Tensor; 8] = [
        || form(1, [67, 129, 35], [false, false]),
        || form(1, [130, 70, 515], [false, true]),
        || form(1, [515, 33, 530], [true, false]),
        || form(1, [61, 257, 63], [true, true]),
        || form(5, [19, 23, 37], [true, false]),
        || form(1, [300, 211, 1], [true, false]),
        || form(1, [3, 77, 411], [false, true]),
        || {
            let [query, key, value] = [1, 2, 3].map(|seed| Tensor::batch(numbers(3 * 45 * 20, seed), 3, 45, 20));
            query
                .matmul(&key.t())
                .scale(0.25)
                .softmax()
                .matmul(&value)
                .combine(1.0, &query, -0.5)
                .exp()
                .over(&key.exp())
        },
    ];
    let mut furthest = 0.0_f64;
    for form in forms {
        let compute = always(gpu.clone());
        let [here] = compute.read([&form()]).await;
        if *compute.name() == *CPU {
            return None;
        }
        let [reference] = cpu().read([&form()]).await;
        let largest = reference.iter().fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
        for (x, y) in here.iter().zip(&*reference) {
            let apart = f64::from((x - y).abs() / largest);
            // A number that is none is infinitely far.
            furthest = furthest.max(if apart.is_nan() { f64::INFINITY } else { apart });
        }
    }
    Some(furthest)
}

/// A batch of products of `rows` x `depth` and `depth` x `columns` matrices, each stored as it is or transposed.
fn form(batch: usize, [rows, depth, columns]: [usize; 3], [flip_a, flip_b]: [bool; 2]) -> Tensor {
    let stored = |rows: usize, columns: usize, flip: bool, seed: u32| {
        let entries = numbers(batch * rows * columns, seed);
        if flip {
            Tensor::batch(entries, batch, columns, rows).t()
        } else {
            Tensor::batch(entries, batch, rows, columns)
        }
    };
    stored(rows, depth, flip_a, 1).matmul(&stored(depth, columns, flip_b, 2))
}
