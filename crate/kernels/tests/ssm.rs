//! The state-space kernels against SciPy: `tests/reference/ssm.py` made the vectors.

use orrery_kernels::legendre::legendre;
use orrery_kernels::linalg::{DMatrix, expm};
use orrery_kernels::ssm::{Rule, discretise, legs};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../tests/reference/ssm.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn matrix(case: &Value, name: &str) -> DMatrix<f64> {
    let n = case["n"].as_u64().unwrap() as usize;
    DMatrix::from_row_slice(n, n, &numbers(&case[name]))
}

#[test]
fn exponentials_are_those_of_scipy() {
    // The first matrix loses digits by its condition, in SciPy too.
    for (case, tolerance) in reference()["expm"].as_array().unwrap().iter().zip([1e-12, 1e-14, 1e-14, 1e-15]) {
        let (mine, expected) = (expm(&matrix(case, "a")).unwrap(), matrix(case, "exp"));
        let apart = (&mine - &expected).amax() / expected.amax();
        println!("expm {apart:.1e}");
        assert!(apart < tolerance, "{apart}");
    }
}

#[test]
fn recurrences_are_those_of_scipy() {
    for case in reference()["discrete"].as_array().unwrap() {
        let rule = match case["rule"].as_str().unwrap() {
            "bilinear" => Rule::Bilinear,
            "zoh" => Rule::ZeroOrderHold,
            _ => Rule::Euler,
        };
        let mine = discretise(&legs(4), case["step"].as_f64().unwrap(), rule).unwrap();
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
    for case in reference()["legendre"].as_array().unwrap() {
        let mut p = [0.0; 65];
        legendre(case["z"].as_f64().unwrap(), &mut p);
        for (mine, expected) in p.iter().step_by(8).zip(numbers(&case["p"])) {
            assert!((mine - expected).abs() < tolerance, "{mine} {expected}");
        }
    }
}
