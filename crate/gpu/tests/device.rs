//! A GPU against the CPU: every form of product, chains that stay on the device, and what a device cannot do.
//!
//! These need a Vulkan device and fail without one; Mesa's lavapipe, which needs no hardware, will do.

use orrery_core::compute::{CPU, Compute, Tensor};
use orrery_gpu::{Gpu, always, cpu};
use pollster::block_on;
use proptest::prelude::*;
use std::rc::Rc;

thread_local! {
    static GPU: Rc<Gpu> = Rc::new(opened());
}

fn opened() -> Gpu {
    block_on(Gpu::open()).unwrap_or_else(|why| {
        panic!("{why}: these tests need a Vulkan device (on Debian: apt-get install mesa-vulkan-drivers libvulkan1)")
    })
}

/// Numbers between -1 and 1.
fn entries(count: usize, seed: u32) -> Vec<f32> {
    let mixed = |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(2_246_822_519) >> 8;
    (0..count as u32).map(|i| mixed(i) as f32 / 8_388_608.0 - 1.0).collect()
}

/// A batch as asked for; stored as its transposes if `flipped`.
fn batch(size: usize, rows: usize, columns: usize, flipped: bool, seed: u32) -> Tensor {
    let entries = entries(size * rows * columns, seed);
    if flipped { Tensor::batch(entries, size, columns, rows).t() } else { Tensor::batch(entries, size, rows, columns) }
}

fn matrix(rows: usize, columns: usize, seed: u32) -> Tensor {
    batch(1, rows, columns, false, seed)
}

/// Whole numbers, whose products are exact in whatever order they are added up.
fn whole(size: usize, rows: usize, columns: usize, flipped: bool, seed: u32) -> Tensor {
    let entries = entries(size * rows * columns, seed).into_iter().map(|x| (x * 8.0).round()).collect();
    if flipped { Tensor::batch(entries, size, columns, rows).t() } else { Tensor::batch(entries, size, rows, columns) }
}

fn read(compute: &Compute, tensor: &Tensor) -> Rc<Vec<f32>> {
    let [entries] = block_on(compute.read([tensor]));
    entries
}

/// Computes a formula on both, and makes sure that it was the GPU that did.
fn both(formula: impl Fn() -> Tensor) -> (Rc<Vec<f32>>, Rc<Vec<f32>>) {
    GPU.with(|gpu| {
        let compute = always(gpu.clone());
        let on_gpu = read(&compute, &formula());
        assert_eq!(&*compute.name(), gpu.name(), "the GPU left a plan to the CPU");
        (on_gpu, read(&cpu(), &formula()))
    })
}

/// Asserts that no entry differs by more than `tolerance` times the largest.
fn agree(formula: impl Fn() -> Tensor, tolerance: f32) {
    let (on_gpu, on_cpu) = both(formula);
    assert_eq!(on_gpu.len(), on_cpu.len());
    let largest = on_cpu.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let apart = on_gpu
        .iter()
        .zip(&*on_cpu)
        .fold(0.0_f32, |most, (x, y)| if (x - y).abs() <= most { most } else { (x - y).abs() });
    assert!(apart <= tolerance * largest, "{apart} apart, of {largest}");
}

/// The unit roundoff of `f32`.
const ROUNDOFF: f32 = f32::EPSILON / 2.0;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    // Products of small whole numbers are exact in any order, so that both must agree to the bit.
    #[test]
    fn products_of_every_size_and_transpose_are_exact(
        size in 1_usize..4, m in 1_usize..140, k in 1_usize..70, n in 1_usize..140, flip_a: bool, flip_b: bool, seed: u32,
    ) {
        let (on_gpu, on_cpu) = both(|| whole(size, m, k, flip_a, seed).matmul(&whole(size, k, n, flip_b, !seed)));
        prop_assert_eq!(on_gpu, on_cpu);
    }

    #[test]
    fn thin_products_are_exact(
        size in 1_usize..3, m in 1_usize..90, k in 1_usize..300, n in 1_usize..5, flip: [bool; 3], seed: u32,
    ) {
        let [flip_a, flip_b, turn] = flip;
        let formula = || {
            let (a, b) = (whole(size, m, k, flip_a, seed), whole(size, k, n, flip_b, !seed));
            if turn { b.t().matmul(&a.t()) } else { a.matmul(&b) }
        };
        let (on_gpu, on_cpu) = both(formula);
        prop_assert_eq!(on_gpu, on_cpu);
    }

    #[test]
    fn operations_on_entries_repeat_sides_of_length_one(
        size in 1_usize..4, m in 1_usize..40, n in 1_usize..40, ones: [bool; 3], flip_a: bool, flip_b: bool, seed: u32,
    ) {
        let side = |one: bool, length: usize| if one { 1 } else { length };
        let a = || whole(size, m, n, flip_a, seed);
        let b = || whole(side(ones[0], size), side(ones[1], m), side(ones[2], n), flip_b, !seed);
        let formula = || a().times(&b()).combine(2.0, &b(), -3.0).scale(0.5);
        let (on_gpu, on_cpu) = both(formula);
        prop_assert_eq!(on_gpu, on_cpu);
    }
}

#[test]
fn every_tile_computes_every_form() {
    // Large enough for each size of tile, with edges in the middle of one.
    for (m, k, n) in [(2090, 37, 2061), (515, 70, 530), (65, 33, 31)] {
        for (flip_a, flip_b) in [(false, false), (false, true), (true, false), (true, true)] {
            let (on_gpu, on_cpu) = both(|| whole(1, m, k, flip_a, 1).matmul(&whole(1, k, n, flip_b, 2)));
            assert!(on_gpu == on_cpu, "{m} x {k} x {n}, {flip_a} {flip_b}");
        }
    }
}

#[test]
fn one_matrix_meets_every_matrix_of_a_batch() {
    let (on_gpu, on_cpu) = both(|| whole(5, 17, 9, false, 3).matmul(&whole(1, 9, 23, true, 4)));
    assert_eq!(on_gpu, on_cpu);
    let (on_gpu, on_cpu) = both(|| whole(1, 17, 9, false, 3).matmul(&whole(5, 9, 23, false, 4)));
    assert_eq!(on_gpu, on_cpu);
}

#[test]
fn a_sum_over_nothing_is_zero_and_nothing_is_nothing() {
    let (on_gpu, on_cpu) = both(|| matrix(5, 0, 1).matmul(&matrix(0, 6, 1)));
    assert_eq!((&*on_gpu, &*on_cpu), (&vec![0.0; 30], &vec![0.0; 30]));
    let (on_gpu, _) = both(|| matrix(0, 5, 1).matmul(&matrix(5, 6, 1)));
    assert_eq!(*on_gpu, [0.0; 0]);
}

#[test]
fn products_round_as_theory_allows() {
    // |computed - exact| <= k u |a| |b| for each, whatever the order; entries are at most 1.
    let k = 777;
    let (on_gpu, on_cpu) = both(|| matrix(130, k, 5).matmul(&matrix(k, 90, 6)));
    let bound = 2.0 * (k * k) as f32 * ROUNDOFF;
    assert!(on_gpu.iter().zip(&*on_cpu).all(|(x, y)| (x - y).abs() <= bound));
}

#[test]
fn a_chain_of_products_is_read_once() {
    agree(|| matrix(50, 70, 1).matmul(&matrix(70, 33, 2)).matmul(&matrix(33, 41, 3)), 1e-5);
}

#[test]
fn newton_schulz_makes_a_matrix_orthogonal_on_the_device() {
    let (rows, columns) = (48, 96);
    let orthogonal = || {
        let x = matrix(rows, columns, 7);
        let [entries] = block_on(cpu().read([&x]));
        let norm = entries.iter().map(|x| x * x).sum::<f32>().sqrt();
        // X ← 3/2 X - 1/2 (X Xᵀ) X, from a matrix of norm one.
        (0..24).fold(x.scale(1.0 / norm), |x, _| x.combine(1.5, &x.matmul(&x.t()).matmul(&x), -0.5))
    };
    let (gram, _) = both(|| orthogonal().matmul(&orthogonal().t()));
    let identity = |at: usize| if at % rows == at / rows { 1.0 } else { 0.0 };
    assert!(gram.iter().enumerate().all(|(at, x)| (x - identity(at)).abs() < 1e-5), "{:?}", &gram[..4]);
}

#[test]
fn attention_stays_on_the_device() {
    let (heads, length, width) = (3, 45, 20);
    let of = |seed| batch(heads, length, width, false, seed);
    agree(|| of(1).matmul(&of(2).t()).scale(1.0 / (width as f32).sqrt()).softmax().matmul(&of(3)), 1e-5);
    // Equal scores attend to everything equally.
    let (weights, _) = both(|| Tensor::new(vec![300.0; 6 * 7], 6, 7).softmax());
    assert!(weights.iter().all(|w| (w - 1.0 / 7.0).abs() < 1e-6));
    agree(|| matrix(70, 130, 9).t().scale(20.0).softmax(), 1e-5);
}

#[test]
fn sinkhorn_scaling_meets_its_marginals_on_the_device() {
    let (m, n) = (40, 31);
    // K = exp(-C / ε); u = a / (K v), v = b / (Kᵀ u); the plan u K v has the marginals a and b.
    let plan = || {
        let kernel = matrix(m, n, 11).scale(2.0).exp();
        let (a, b) = (Tensor::new(vec![1.0 / m as f32; m], m, 1), Tensor::new(vec![1.0 / n as f32; n], n, 1));
        let mut v = Tensor::new(vec![1.0; n], n, 1);
        let mut u = a.clone();
        for _ in 0..60 {
            u = a.over(&kernel.matmul(&v));
            v = b.over(&kernel.t().matmul(&u));
        }
        kernel.times(&u).times(&v.t())
    };
    let (on_gpu, on_cpu) = both(plan);
    assert!(on_gpu.iter().zip(&*on_cpu).all(|(x, y)| (x - y).abs() < 1e-6));
    let row = |i: usize| on_gpu[i * n..(i + 1) * n].iter().sum::<f32>();
    let column = |j: usize| on_gpu.iter().skip(j).step_by(n).sum::<f32>();
    assert!((0..m).all(|i| (row(i) - 1.0 / m as f32).abs() < 1e-6));
    assert!((0..n).all(|j| (column(j) - 1.0 / n as f32).abs() < 1e-6));
}

#[test]
fn several_tensors_are_read_at_once_and_then_known() {
    GPU.with(|gpu| {
        let compute = always(gpu.clone());
        let (a, b) = (whole(1, 9, 9, false, 1), whole(1, 9, 9, false, 2));
        let product = a.matmul(&b);
        let more = product.matmul(&a);
        let [first, turned, second] = block_on(compute.read([&product, &product.t(), &more]));
        assert_eq!(turned[5], first[5 * 9]);
        // What is known goes into the next formula as it is, and from the device on which it lies.
        assert_eq!(read(&compute, &product.matmul(&a)), second);
        assert_eq!(read(&cpu(), &product.matmul(&a)), second);
    });
}

#[test]
fn runs_reuse_buffers_without_mixing_them_up() {
    GPU.with(|gpu| {
        for turn in 0..30 {
            let (a, b, c) =
                (whole(1, 20, 20, false, turn), whole(1, 20, 20, true, turn + 1), whole(1, 20, 20, false, 9));
            let formula = a.matmul(&b).times(&c).combine(1.0, &a.matmul(&c), 2.0);
            let again = a.matmul(&b).times(&c).combine(1.0, &a.matmul(&c), 2.0);
            assert_eq!(read(&always(gpu.clone()), &formula), read(&cpu(), &again), "turn {turn}");
        }
    });
}

#[test]
fn what_is_too_large_for_the_device_is_left_to_the_cpu() {
    let gpu = Rc::new(opened().limited_to(4096));
    let compute = always(gpu.clone());
    let square = |n| whole(1, n, n, false, 1);
    assert_eq!(read(&compute, &square(40).matmul(&square(40))), read(&cpu(), &square(40).matmul(&square(40))));
    assert_eq!(&*compute.name(), CPU);
    read(&compute, &square(20).matmul(&square(20)));
    assert_eq!(&*compute.name(), gpu.name());
}

#[test]
fn a_device_lost_between_two_reads_takes_nothing_with_it() {
    let gpu = Rc::new(opened());
    let compute = always(gpu.clone());
    let (a, b) = (whole(1, 30, 30, false, 1), whole(1, 30, 30, false, 2));
    let product = a.matmul(&b);
    let known = read(&compute, &product);
    gpu.destroy();
    assert_eq!(read(&compute, &product), known);
    // Once while the loss is not yet known, and once when it is.
    for _ in 0..2 {
        assert_eq!(read(&compute, &product.matmul(&b)), read(&cpu(), &a.matmul(&b).matmul(&b)));
    }
    assert!(gpu.is_lost());
}

#[test]
fn a_long_chain_neither_overflows_the_stack_nor_hangs() {
    let (on_gpu, on_cpu) = both(|| (0..3000).fold(matrix(3, 3, 1), |x, _| x.scale(-1.0)));
    assert_eq!(on_gpu, on_cpu);
    // Written down and never read.
    drop((0..200_000).fold(matrix(3, 3, 1), |x, _| x.scale(-1.0)));
}
