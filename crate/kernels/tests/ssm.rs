//! The state-space kernels against SciPy and mpmath: `tests/reference/ssm.py` made the vectors.

use orrery_kernels::fft::convolve;
use orrery_kernels::legendre::legendre;
use orrery_kernels::linalg::{Complex, DMatrix, DVector, expm};
use orrery_kernels::math::cos;
use orrery_kernels::ssm::{
    Diagonal, Dplr, Rule, Selective, SpectralFilters, System, cauchy, discretise, fout, legs, legt,
};
use orrery_reference::{Value, apart, list, number, numbers, vectors, whole, word};

fn reference() -> Value {
    vectors(include_str!("../../../tests/reference/ssm.json"))
}

fn matrix(case: &Value, name: &str) -> DMatrix<f64> {
    let n = whole(&case["n"]);
    DMatrix::from_row_slice(n, n, &numbers(&case[name]))
}

fn rule(case: &Value) -> Rule {
    match word(&case["rule"]) {
        "bilinear" => Rule::Bilinear,
        "zoh" => Rule::ZeroOrderHold,
        _ => Rule::Euler,
    }
}

fn hippo(case: &Value) -> System {
    let system = match word(&case["name"]) {
        "legs" => legs,
        "legt" => legt,
        _ => fout,
    };
    system(whole(&case["n"]))
}

/// The weights 1, 1/2, 1/3, … of the vectors' read-outs.
fn harmonic(n: usize) -> DVector<f64> {
    DVector::from_fn(n, |i, _| 1.0 / (i as f64 + 1.0))
}

#[test]
fn exponentials_are_those_of_scipy() {
    // The first matrix loses digits by its condition, in SciPy too.
    for (case, tolerance) in list(&reference()["expm"]).iter().zip([1e-12, 1e-14, 1e-14, 1e-15]) {
        let (mine, expected) = (expm(&matrix(case, "a")).unwrap(), matrix(case, "exp"));
        let apart = (&mine - &expected).amax() / expected.amax();
        println!("expm {apart:.1e}");
        assert!(apart < tolerance, "{apart}");
    }
}

#[test]
fn recurrences_are_those_of_scipy() {
    for case in list(&reference()["discrete"]) {
        let mine = discretise(&legs(4), number(&case["step"]), rule(case)).unwrap();
        let apart = (mine.a - matrix(case, "a")).amax();
        let apart = numbers(&case["b"]).iter().zip(mine.b.iter()).map(|(b, c)| (b - c).abs()).fold(apart, f64::max);
        println!("discrete {apart:.1e}");
        assert!(apart < 1e-14, "{case}: {apart}");
    }
}

#[test]
fn legendre_polynomials_are_those_of_scipy() {
    // The slope of P_n is up to n(n + 1)/2, and with it the effect of rounding z.
    let tolerance = 64.0 * 65.0 / 2.0 * f64::EPSILON;
    for case in list(&reference()["legendre"]) {
        let mut p = [0.0; 65];
        legendre(number(&case["z"]), &mut p);
        for (mine, expected) in p.iter().step_by(8).zip(numbers(&case["p"])) {
            assert!((mine - expected).abs() < tolerance, "{mine} {expected}");
        }
    }
}

#[test]
fn hippo_matrices_are_those_of_the_public_s4_code() {
    for case in list(&reference()["hippo"]) {
        let system = hippo(case);
        assert!((&system.a - matrix(case, "a")).amax() < 1e-14);
        assert!(apart(system.b.as_slice(), &numbers(&case["b"])) < 1e-15);
    }
}

#[test]
fn recurrence_scan_and_convolution_answer_as_scipy_does() {
    for case in list(&reference()["responses"]) {
        let (system, c) =
            (discretise(&hippo(case), number(&case["step"]), rule(case)).unwrap(), harmonic(whole(&case["n"])));
        let u: Vec<f64> = (0..60).map(|k| cos((k * k) as f64)).collect();
        let by_kernel = convolve(&system.kernel(&c, 60), &u);
        for y in [&system.recur(&c, &u), &system.scan(&c, &u), &by_kernel[..60]] {
            let apart = apart(y, &numbers(&case["y"]));
            println!("response {apart:.1e}");
            assert!(apart < 1e-12, "{apart:e}");
        }
    }
}

#[test]
fn diagonal_kernels_are_sums_of_exponentials() {
    for case in list(&reference()["s4d"]) {
        let modes = whole(&case["modes"]);
        let system = match word(&case["name"]) {
            "lin" => Diagonal::lin(modes),
            "inv" => Diagonal::inv(modes),
            _ => Diagonal::real(modes),
        };
        let c: Vec<_> = (0..modes).map(|n| Complex::new(1.0 / (1.0 + n as f64), 0.1 * n as f64)).collect();
        let kernel = system.discretise(number(&case["step"]), rule(case)).kernel(&c, 16_384);
        let found: Vec<f64> = numbers(&case["at"]).iter().map(|l| kernel[*l as usize]).collect();
        let apart = apart(&found, &numbers(&case["kernel"]));
        println!("s4d {apart:.1e}");
        assert!(apart < 1e-12, "{apart:e}");
    }
}

#[test]
fn the_s4_kernel_is_that_of_fifty_digits() {
    for case in list(&reference()["s4"]) {
        let (n, length) = (whole(&case["n"]), list(&case["kernel"]).len());
        let kernel = Dplr::legs(n).kernel(&harmonic(n), number(&case["step"]), length).unwrap();
        let apart = apart(&kernel, &numbers(&case["kernel"]));
        println!("s4 {apart:.1e}");
        assert!(apart < 1e-12, "{apart:e}");
    }
}

#[test]
fn the_normal_part_has_the_spectrum_and_the_transfer_function_of_its_matrix() {
    for case in list(&reference()["normal"]) {
        let (n, s4) = (whole(&case["n"]), Dplr::legs(whole(&case["n"])));
        let frequencies: Vec<f64> = s4.lambda.iter().map(|lambda| lambda.im).collect();
        assert!(apart(&frequencies, &numbers(&case["frequencies"])) < 1e-12 * (n * n) as f64);
        // Every mode by itself, since a transfer function is complex: c V with c flat, times b / 2.
        let flat = DVector::from_element(n, Complex::new(0.5 / (n as f64).sqrt(), 0.0));
        let weights: Vec<_> = s4.v.tr_mul(&flat).iter().zip(&s4.b).map(|(c, b)| c * b).collect();
        let at: Vec<_> = numbers(&case["at"]).iter().map(|w| Complex::new(0.0, *w)).collect();
        let (re, im): (Vec<_>, Vec<_>) = cauchy(&weights, &s4.lambda, &at).iter().map(|g| (g.re, g.im)).unzip();
        let apart = apart(&re, &numbers(&case["re"])).max(apart(&im, &numbers(&case["im"])));
        println!("transfer {apart:.1e}");
        assert!(apart < 1e-12, "{apart:e}");
    }
}

#[test]
fn the_selective_scan_is_the_recurrence_and_its_gradient_that_of_complex_steps() {
    let case = &reference()["selective"];
    let [a, skip, x, delta, b, c, dy] = ["a", "skip", "x", "delta", "b", "c", "dy"].map(|name| numbers(&case[name]));
    let problem = Selective { a: &a, skip: &skip, x: &x, delta: &delta, b: &b, c: &c };
    assert!(apart(&problem.scan(), &numbers(&case["y"])) < 1e-14);
    let found = problem.gradient(&dy);
    let parts =
        [("a", found.a), ("skip", found.skip), ("x", found.x), ("delta", found.delta), ("b", found.b), ("c", found.c)];
    for (name, found) in parts {
        let apart = apart(&found, &numbers(&case["gradient"][name]));
        println!("selective {name} {apart:.1e}");
        assert!(apart < 1e-13, "{name}: {apart:e}");
    }
}

#[test]
fn spectral_filters_are_those_of_eighty_digits() {
    let case = &reference()["hankel"];
    let expected = numbers(&case["values"]);
    let found = SpectralFilters::hankel(whole(&case["length"]), expected.len());
    for (j, (value, expected)) in found.values.iter().zip(&expected).enumerate() {
        // A singular value of the factor is known to rounding of the largest: its square to twice the digits.
        let doubt = 1e-14 * (expected * found.values[0]).sqrt() + 1e-18 * found.values[0];
        assert!((value - expected).abs() < doubt, "{j}: {value:e} {expected:e}");
        if *expected > 1e-15 {
            let apart = apart(found.filters.column(j).as_slice(), &numbers(&case["filters"][j]));
            println!("filter {j} {expected:.1e} {apart:.1e}");
            assert!(apart < 1e-9, "{j}: {apart:e}");
        }
    }
}
