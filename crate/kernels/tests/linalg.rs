//! The linear algebra against NumPy and SciPy: `tests/reference/linalg.py` made the vectors.

use orrery_kernels::linalg::{
    Complex, ComplexEigen, ConjugateGradient, DMatrix, Lanczos, Sparse, View, expm, lyapunov, matmul, matvec,
    pencil_eigen, polar, product, randomized_svd, symmetric_function,
};
use orrery_kernels::math;
use orrery_reference::{Value, apart, list, number, numbers, vectors, whole};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn cases(name: &str) -> Vec<Value> {
    list(&vectors(include_str!("../../../tests/reference/linalg.json"))[name]).to_vec()
}

fn size(case: &Value, name: &str) -> usize {
    whole(&case[name])
}

fn square(case: &Value, name: &str) -> DMatrix<f64> {
    let n = size(case, "n");
    DMatrix::from_row_slice(n, n, &numbers(&case[name]))
}

fn complex(case: &Value, [re, im]: [&str; 2]) -> Vec<Complex<f64>> {
    numbers(&case[re]).into_iter().zip(numbers(&case[im])).map(|(re, im)| Complex::new(re, im)).collect()
}

#[test]
fn products_are_those_of_numpy() {
    for case in cases("products") {
        let [m, k, n] = ["m", "k", "n"].map(|name| size(&case, name));
        let [a, b, expected, single] = ["a", "b", "product", "single"].map(|name| numbers(&case[name]));
        // Each sum of k products, of size one, rounds at most k times.
        let tolerance = k as f64 * k as f64;
        assert!(apart(&matmul(View::by_rows(&a, m, k), View::by_rows(&b, k, n)), &expected) < tolerance * 1e-16);
        let column: Vec<f64> = b.iter().step_by(n).copied().collect();
        let first: Vec<f64> = expected.iter().step_by(n).copied().collect();
        assert!(apart(&matvec(View::by_rows(&a, m, k), &column), &first) < tolerance * 1e-16);

        let [a, b] = [a, b].map(|entries| entries.iter().map(|&x| x as f32).collect::<Vec<_>>());
        let mine = matmul(View::by_rows(&a, m, k), View::by_rows(&b, k, n));
        let mine: Vec<f64> = mine.into_iter().map(f64::from).collect();
        assert!(apart(&mine, &single) < tolerance * 6e-8);
    }
}

#[test]
fn functions_of_symmetric_matrices_are_those_of_scipy() {
    for case in cases("functions") {
        let (a, condition) = (square(&case, "a"), number(&case["condition"]));
        let root = symmetric_function(&a, |x| x.max(0.0).sqrt()).unwrap();
        assert!((root - square(&case, "root")).amax() < 1e-14 * condition.sqrt());
        let log = symmetric_function(&a, math::log).unwrap();
        assert!((log - square(&case, "log")).amax() < 1e-14 * condition);
        let exponential = symmetric_function(&a, |x| math::exp(-x)).unwrap();
        assert!((&exponential - square(&case, "exp")).amax() < 1e-14 * condition);
        assert!((expm(&-a).unwrap() - exponential).amax() < 1e-14 * condition);
    }
}

#[test]
fn polar_factors_are_those_of_scipy() {
    for case in cases("polar") {
        let [m, n] = ["m", "n"].map(|name| size(&case, name));
        let factor = polar(&DMatrix::from_row_slice(m, n, &complex(&case, ["re", "im"]))).unwrap();
        let expected = DMatrix::from_row_slice(m, n, &complex(&case, ["u_re", "u_im"]));
        assert!((factor - expected).iter().all(|gap| gap.norm_sqr() < 1e-27));
    }
}

#[test]
fn lyapunov_equations_are_solved_as_by_scipy() {
    for case in cases("lyapunov") {
        let x = lyapunov(&square(&case, "a"), &square(&case, "q")).unwrap();
        assert!((x - square(&case, "x")).amax() < 1e-14);
    }
}

#[test]
fn the_largest_eigenvalues_of_a_hankel_matrix_are_found_in_few_steps() {
    for case in cases("spectrum") {
        let (n, expected) = (size(&case, "n"), numbers(&case["values"]));
        let entry = |i: usize, j: usize| {
            let s = (i + j + 2) as f64;
            2.0 / (s * s * s - s)
        };
        let a: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        let mut lanczos = Lanczos::new(vec![1.0; n]);
        lanczos.advance(|v, out| out.copy_from_slice(&matvec(View::by_rows(&a, n, n), v)), 30);
        let pairs = lanczos.largest(expected.len());
        let values: Vec<f64> = pairs.iter().map(|pair| pair.value).collect();
        assert!(apart(&values, &expected) < 1e-15);
        assert!(pairs.iter().all(|pair| pair.residual < 1e-15));
    }
}

#[test]
fn a_sparse_system_is_solved_as_by_scipy() {
    for case in cases("sparse") {
        let n = size(&case, "n");
        let index = |name: &str| numbers(&case[name]).into_iter().map(|i| i as usize);
        let entries = index("i").zip(index("j")).zip(numbers(&case["value"])).map(|((i, j), value)| (i, j, value));
        let a = Sparse::of_entries(n, n, entries.collect());
        let diagonal: Vec<f64> = a.entries().filter(|(i, j, _)| i == j).map(|(_, _, value)| value).collect();
        let mut solver = ConjugateGradient::new(numbers(&case["b"]), &diagonal);
        assert!(solver.advance(|v, out| a.multiply(v, out), 10 * n, 1e-14));
        assert!(apart(solver.solution(), &numbers(&case["x"])) < 1e-10);
    }
}

#[test]
fn complex_eigenvalues_are_those_of_numpy() {
    for case in cases("eigenvalues") {
        let mut problem = ComplexEigen::new(complex(&case, ["re", "im"]), size(&case, "n"));
        assert!(problem.advance(u32::MAX));
        let found = problem.pairs();
        for expected in complex(&case, ["value_re", "value_im"]) {
            let nearest = found.iter().map(|(value, _)| (value - expected).norm_sqr()).fold(f64::INFINITY, f64::min);
            assert!(nearest < 1e-26, "{expected}: {nearest:.1e}");
        }
    }
}

#[test]
fn eigenvalues_of_pencils_are_those_of_scipy() {
    for case in cases("pencils") {
        let pairs = pencil_eigen(&square(&case, "a"), &square(&case, "b")).unwrap();
        for expected in complex(&case, ["value_re", "value_im"]) {
            let nearest = pairs.iter().map(|(value, _)| (value - expected).norm_sqr()).fold(f64::INFINITY, f64::min);
            assert!(nearest < 1e-24, "{expected}: {nearest:.1e}");
        }
    }
}

#[test]
fn the_largest_singular_values_are_those_of_numpy() {
    for case in cases("singular") {
        let ([m, n], expected) = (["m", "n"].map(|name| size(&case, name)), numbers(&case["values"]));
        let a = DMatrix::from_row_slice(m, n, &numbers(&case["a"]));
        let (times, transposed) = (|x: &DMatrix<f64>| &a * x, |y: &DMatrix<f64>| a.transpose() * y);
        let svd = randomized_svd(times, transposed, (n, expected.len()), (8, 2), &mut ChaCha8Rng::seed_from_u64(1));
        assert!(apart(svd.unwrap().values.as_slice(), &expected) < 1e-12);
    }
}

#[test]
fn the_root_of_a_product_of_roots_is_the_bures_map() {
    // T = A^(1/2) (A^(1/2) B A^(1/2))^(-1/2) A^(1/2) pushes B to A: T B T = A.
    let root = |m: &DMatrix<f64>| symmetric_function(m, |x| x.max(0.0).sqrt()).unwrap();
    for case in cases("functions") {
        let a = square(&case, "a");
        let b = DMatrix::from_diagonal(&a.diagonal());
        let half = root(&a);
        let middle = product(&product(&half, &b), &half);
        let inverse = symmetric_function(&middle, |x| 1.0 / x.sqrt()).unwrap();
        let map = product(&product(&half, &inverse), &half);
        let pushed = product(&product(&map, &b), &map);
        assert!((pushed - &a).amax() < 1e-10 * a.amax());
    }
}
