//! Against POT and SciPy, from stored vectors.

use orrery_kernels::linalg::{DMatrix, DVector};
use orrery_kernels::transport::{
    Assignment, Barycentre, Entropic, Error, Exact, Gaussian, Scaling, ScalingBarycentre, Sinkhorn, line_cost,
    sliced_wasserstein,
};
use orrery_reference::{Value, apart, list, number, numbers, vectors, whole, word};

/// Where Sinkhorn's iteration has converged. Potentials over ε are as large as costs over ε, so that in the badly scaled
/// cases rounding leaves about $10^4\cdot10^{-16}$.
const CONVERGED: f64 = 1e-11;

fn pot_vectors() -> Value {
    vectors(include_str!("../../../tests/reference/transport.json"))
}

/// All rows of the plan.
fn plan(problem: &Entropic, u: &[f64], v: &[f64]) -> Vec<f64> {
    let mut row = vec![0.0; v.len()];
    let mut plan = Vec::new();
    for (i, &u) in u.iter().enumerate() {
        problem.plan_row(i, u, v, &mut row);
        plan.extend_from_slice(&row);
    }
    plan
}

fn log_form(problem: &Entropic) -> Sinkhorn {
    let mut sinkhorn = Sinkhorn::new(problem);
    let mut calm = 0;
    // Small changes for a hundred iterations on end: one alone may be slow progress.
    while calm < 100 {
        let violation = sinkhorn.advance(problem, usize::MAX).expect("a whole iteration");
        calm = if violation < CONVERGED { calm + 1 } else { 0 };
        assert!(sinkhorn.iterations() < 1_000_000, "{violation}");
    }
    sinkhorn
}

fn scaling_form(problem: &Entropic) -> Result<Scaling, Error> {
    let mut scaling = Scaling::new(problem);
    while scaling.advance(problem, usize::MAX)?.is_none_or(|violation| violation > 1e-14)
        && scaling.iterations() < 20_000
    {}
    Ok(scaling)
}

/// The log form finds the plan; so does the scaling form, or says that it cannot.
fn agrees(problem: &Entropic, case: &Value) {
    let (name, expected) = (&case["name"], numbers(&case["plan"]));
    let sinkhorn = log_form(problem);
    let off = apart(&plan(problem, &sinkhorn.u, &sinkhorn.v), &expected);
    assert!(off < 1e-9, "{name}, log domain: {off:e}");
    match scaling_form(problem) {
        Ok(scaling) => {
            assert_ne!(name, "badly scaled");
            let (u, v) = scaling.potentials();
            let off = apart(&plan(problem, &u, &v), &expected);
            assert!(off < 1e-9, "{name}, scaling form: {off:e}");
        }
        Err(error) => {
            assert_eq!(name, "badly scaled");
            assert!(error.to_string().contains("use the log domain"));
        }
    }
}

#[test]
fn balanced_plans_are_pot_s() {
    for case in list(&pot_vectors()["balanced"]) {
        let (cost, eta) = (numbers(&case["cost"]), number(&case["eta"]));
        agrees(&Entropic::new(&cost, eta, numbers(&case["a"]), numbers(&case["b"])).expect("a problem"), case);
    }
}

#[test]
fn unbalanced_plans_are_pot_s() {
    for case in list(&pot_vectors()["unbalanced"]) {
        let strength = [0, 1].map(|k| case["strength"][k].as_f64().unwrap_or(f64::INFINITY));
        let (cost, eta) = (numbers(&case["cost"]), number(&case["eta"]));
        let problem = Entropic::unbalanced(&cost, eta, numbers(&case["a"]), numbers(&case["b"]), strength);
        agrees(&problem.expect("a problem"), case);
    }
}

#[test]
fn exact_plans_are_pot_s() {
    for case in list(&pot_vectors()["exact"]) {
        let (cost, a, b) = (numbers(&case["cost"]), numbers(&case["a"]), numbers(&case["b"]));
        let mut exact = Exact::new(&cost, &a, &b).expect("a problem");
        while !exact.advance(1) {}
        let mut plan = vec![0.0; cost.len()];
        exact.plan().into_iter().for_each(|(i, j, mass)| plan[i * b.len() + j] = mass);
        let off = apart(&plan, &numbers(&case["plan"]));
        assert!(off < 1e-12, "{}: {off:e}", case["name"]);
        assert!((exact.cost() - number(&case["value"])).abs() < 1e-12);
    }
}

#[test]
fn assignments_are_scipy_s() {
    for case in list(&pot_vectors()["assignment"]) {
        let n = whole(&case["n"]);
        let mut assignment = Assignment::new(&numbers(&case["cost"]), n).expect("a problem");
        while !assignment.advance(1) {}
        let columns: Vec<f64> = assignment.columns().iter().map(|&j| j as f64).collect();
        assert_eq!(columns, numbers(&case["columns"]));
    }
}

#[test]
fn distances_on_lines_and_slices_are_pot_s() {
    let pot = pot_vectors();
    for case in list(&pot["line"]) {
        let [x, y, a, b] = ["x", "y", "a", "b"].map(|name| numbers(&case[name]));
        let cost = line_cost(&x, &a, &y, &b, number(&case["p"])).expect("a problem");
        assert!((cost - number(&case["value"])).abs() < 1e-12 * (1.0 + cost));
    }
    let ott = ott_vectors();
    for case in list(&pot["sliced"]).iter().chain(list(&ott["sliced"])) {
        let [x, y, a, b, directions] = ["x", "y", "a", "b", "directions"].map(|name| numbers(&case[name]));
        let dimension = whole(&case["dimension"]);
        let distance = sliced_wasserstein([&x, &a], [&y, &b], &directions, dimension, number(&case["p"]));
        let value = number(&case["value"]);
        let off = (distance.expect("a problem") - value).abs();
        assert!(off < 1e-12 * value.max(1.0), "{off:e}");
    }
}

/// The log form finds the barycentres; so does the scaling form, or says that it cannot.
fn barycentres_agree(vectors: &Value) {
    let square = numbers(&vectors["square"]);
    for case in list(&vectors["barycentre"]) {
        let (measures, weights) = (numbers(&case["measures"]), numbers(&case["weights"]));
        let points = measures.len() / weights.len();
        let measures: Vec<(&[f64], &[f64])> = measures.chunks_exact(points).map(|b| (&square[..], b)).collect();
        let (eta, expected, name) = (number(&case["eta"]), numbers(&case["masses"]), &case["name"]);
        let mut barycentre = Barycentre::new(&measures, &weights, points, eta).expect("a problem");
        let mut calm = 0;
        while calm < 100 {
            if let Some(violation) = barycentre.advance() {
                calm = if violation < CONVERGED { calm + 1 } else { 0 };
                assert!(barycentre.iterations() < 1_000_000, "{violation}");
            }
        }
        let off = apart(barycentre.masses(), &expected);
        assert!(off < 1e-9, "{name}, log domain: {off:e}");
        let mut scaling = ScalingBarycentre::new(&measures, &weights, points, eta).expect("a problem");
        let ended = loop {
            match scaling.advance() {
                Ok(Some(violation)) if violation < CONVERGED => break Ok(()),
                Ok(_) => assert!(scaling.iterations() < 100_000),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = ended {
            assert_eq!(name, "badly scaled");
            assert!(error.to_string().contains("use the log domain"));
        } else {
            assert_ne!(name, "badly scaled");
            let off = apart(scaling.masses(), &expected);
            assert!(off < 1e-9, "{name}, scaling form: {off:e}");
        }
    }
}

#[test]
fn barycentres_are_pot_s_and_ott_s() {
    barycentres_agree(&pot_vectors());
    barycentres_agree(&ott_vectors());
}

#[test]
fn gaussians_are_pot_s() {
    for case in list(&pot_vectors()["gaussian"]) {
        let d = whole(&case["dimension"]);
        let (means, covariances) = (numbers(&case["means"]), numbers(&case["covariances"]));
        let matrix = |entries: &[f64]| DMatrix::from_row_slice(d, d, entries);
        let parts = means.chunks_exact(d).zip(covariances.chunks_exact(d * d));
        let gaussian = |(m, s): (&[f64], &[f64])| Gaussian::new(DVector::from_column_slice(m), matrix(s));
        let measures: Vec<Gaussian> = parts.map(|part| gaussian(part).expect("a measure")).collect();
        let (a, b) = (&measures[0], &measures[1]);
        assert!((a.distance_squared(b).sqrt() - number(&case["distance"])).abs() < 1e-9);
        assert!((a.map(b) - matrix(&numbers(&case["map"]))).amax() < 1e-9);
        let barycentre =
            Gaussian::barycentre(&measures, &numbers(&case["weights"]), 1e-15, 10_000).expect("a barycentre");
        assert!((barycentre.mean() - DVector::from_vec(numbers(&case["mean"]))).amax() < 1e-9);
        let off = (barycentre.covariance() - matrix(&numbers(&case["covariance"]))).amax();
        assert!(off < 1e-9, "{off:e}");
    }
}

fn ott_vectors() -> Value {
    vectors(include_str!("../../../tests/reference/transport_ott.json"))
}

/// The largest difference of $f_i+g_j$.
fn potentials_apart([f, g]: [&[f64]; 2], [f0, g0]: [&[f64]; 2]) -> f64 {
    assert_eq!((f.len(), g.len()), (f0.len(), g0.len()));
    let sums = |f: &[f64], g: &[f64]| f.iter().flat_map(|f| g.iter().map(move |g| f + g)).collect::<Vec<_>>();
    apart(&sums(f, g), &sums(f0, g0))
}

#[test]
fn plans_and_potentials_are_ott_s() {
    for case in list(&ott_vectors()["entropic"]) {
        let name = word(&case["name"]);
        let [mut cost, a, b, f, g, expected] = ["cost", "a", "b", "f", "g", "plan"].map(|name| numbers(&case[name]));
        let eta = number(&case["eta"]);
        let strength = [0, 1].map(|k| case["strength"][k].as_f64().unwrap_or(f64::INFINITY));
        let balanced = strength == [f64::INFINITY; 2];
        if !balanced {
            // Our entropy is against a ⊗ b: with these costs the plans are exp(u + v - η cost), as there.
            for (k, cost) in cost.iter_mut().enumerate() {
                *cost += (orrery_kernels::math::log(a[k / b.len()]) + orrery_kernels::math::log(b[k % b.len()])) / eta;
            }
        }
        let problem =
            if balanced { Entropic::new(&cost, eta, a, b) } else { Entropic::unbalanced(&cost, eta, a, b, strength) };
        let problem = problem.expect("a problem");
        let check = |form: &str, u: &[f64], v: &[f64]| {
            let off = apart(&plan(&problem, u, v), &expected);
            assert!(off < 1e-9, "{name}, {form}: plans {off:e}");
            let scaled = |x: &[f64]| x.iter().map(|x| x / eta).collect::<Vec<_>>();
            let off = potentials_apart([&scaled(u), &scaled(v)], [&f, &g]);
            assert!(off < 1e-9, "{name}, {form}: potentials {off:e}");
        };
        let sinkhorn = log_form(&problem);
        check("log domain", &sinkhorn.u, &sinkhorn.v);
        match scaling_form(&problem) {
            Ok(scaling) => {
                assert!(!name.contains("badly scaled"), "{name}");
                let (u, v) = scaling.potentials();
                check("scaling form", &u, &v);
            }
            Err(error) => {
                assert!(name.contains("badly scaled"), "{name}");
                assert!(error.to_string().contains("use the log domain"));
            }
        }
    }
}

#[test]
fn exact_potentials_are_pot_s() {
    for case in list(&ott_vectors()["exact"]) {
        let [cost, a, b, u, v] = ["cost", "a", "b", "u", "v"].map(|name| numbers(&case[name]));
        let mut exact = Exact::new(&cost, &a, &b).expect("a problem");
        while !exact.advance_pairs(50) {}
        let (own_u, own_v) = exact.potentials();
        let off = potentials_apart([&own_u, &own_v], [&u, &v]);
        assert!(off < 1e-9, "{}: {off:e}", case["name"]);
    }
}

#[test]
fn bures_distances_and_barycentres_are_ott_s() {
    for case in list(&ott_vectors()["gaussian"]) {
        let d = whole(&case["dimension"]);
        let (means, covariances) = (numbers(&case["means"]), numbers(&case["covariances"]));
        let measure = |k: usize| {
            let covariance = DMatrix::from_row_slice(d, d, &covariances[k * d * d..(k + 1) * d * d]);
            Gaussian::new(DVector::from_column_slice(&means[k * d..(k + 1) * d]), covariance).expect("a measure")
        };
        let squared = number(&case["squared"]);
        let off = (measure(0).distance_squared(&measure(1)) - squared).abs();
        assert!(off < 1e-9, "{}: {off:e}", case["name"]);
        if case["barycentre"].is_array() {
            let weights = numbers(&case["weights"]);
            let found = Gaussian::barycentre(&[measure(0), measure(1)], &weights, 1e-15, 10_000).expect("a barycentre");
            let there = |name: &str| DMatrix::from_row_slice(d, d, &numbers(&case[name]));
            let away = (found.covariance() - there("barycentre")).amax();
            assert!(away < 1e-9, "{}: barycentre {away:e}", case["name"]);
            let way = measure(0).towards(&measure(1), weights[1] / (weights[0] + weights[1])).expect("a measure");
            let away = (way.covariance() - there("barycentre")).amax();
            assert!(away < 1e-9, "{}: geodesic {away:e}", case["name"]);
            let away = (measure(0).map(&measure(1)) - there("map")).amax();
            // A last digit of the covariances moves this map by 1.7e-9, and its own rounding by less.
            assert!(away < 1e-9, "{}: map {away:e}", case["name"]);
        }
    }
}
