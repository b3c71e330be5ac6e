use super::instance::{Constraint, Function, Instance};
use super::methods::{Mover, Polygon, Run, methods, newton, shrink};
use super::{Class, Kind, Setting};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{ConjugateGradient, DMatrix, inner};
use proptest::prelude::{prop, prop_assert, proptest};

/// Every class, both instances.
fn instances(seed: u64) -> Vec<(Setting, Instance)> {
    let mut all = Vec::new();
    for &(class, ..) in Class::OPTIONS {
        for instance in [Kind::Worst, Kind::Random] {
            let setting = Setting {
                functions: class,
                instance,
                dimension: 30,
                condition: 50.0,
                iterations: 300,
                ..Setting::default()
            };
            let problem = Instance::asked(&setting, &mut Rng::seed_from_u64(seed)).unwrap();
            all.push((setting, problem));
        }
    }
    all
}

fn run_all(setting: &Setting, problem: &Instance) -> Vec<Run> {
    let mut runs = methods(setting, problem, setting.iterations, &Rng::seed_from_u64(9));
    for run in &mut runs {
        (0..setting.iterations).for_each(|_| run.advance(problem));
    }
    runs
}

// β/8 (1/(t + 1) − 1/(k + 1)), and x*_i = 1 − i/(k + 1).
#[test]
fn elimination_gives_the_papers_zone() {
    let k = 199;
    let problem = Instance::chain(k, 0.0, Constraint::Free);
    for (t, height) in problem.zone.iter().enumerate() {
        let exact = 0.125 * (1.0 / (t as f64 + 1.0) - 1.0 / (k as f64 + 1.0));
        assert!((height - exact).abs() < 1e-13, "{t}: {height} {exact}");
    }
    for (i, x) in problem.solution.iter().enumerate() {
        assert!((x - (1.0 - (i as f64 + 1.0) / 200.0)).abs() < 1e-12);
    }
    assert!((problem.first - 0.125 * (1.0 - 1.0 / 200.0)).abs() < 1e-13);
}

// Conjugate gradients minimise over all that gradients have shown: they walk along the zone's edge.
#[test]
fn conjugate_gradients_reach_the_edge_of_the_zone_and_no_further() {
    for alpha in [0.0, 1e-3, 0.1] {
        let problem = Instance::chain(40, alpha, Constraint::Free);
        let zero = problem.gradient(&[0.0; 40]);
        let mut cg = ConjugateGradient::new(zero.iter().map(|g| -g).collect(), &[1.0; 40]);
        let multiply = |v: &[f64], out: &mut [f64]| {
            let g = problem.gradient(v);
            out.iter_mut().zip(g.iter().zip(&zero)).for_each(|(out, (g, zero))| *out = g - zero);
        };
        for t in 1..25 {
            cg.advance(multiply, 1, 0.0);
            let (gap, height) = (problem.gap(cg.solution()), problem.zone[t]);
            assert!((gap / height - 1.0).abs() < 1e-7, "α = {alpha}, t = {t}: {gap} {height}");
        }
    }
}

// The same two methods in NumPy with the dense matrix, 90 steps on k = 199.
#[test]
fn the_gaps_at_ninety_are_those_of_a_dense_computation() {
    let setting = Setting { iterations: 90, ..Setting::default() };
    let problem = Instance::asked(&setting, &mut Rng::seed_from_u64(0)).unwrap();
    let runs = run_all(&setting, &problem);
    for (run, gap) in runs.iter().zip([0.009_851_732_568_321_284, 0.002_249_557_895_954_993_5]) {
        assert!((run.gap / gap - 1.0).abs() < 1e-11, "{}: {}", run.id, run.gap);
    }
    assert!((problem.zone[90] - 0.000_748_626_373_626_373_7).abs() < 1e-15);
}

#[test]
fn gaps_are_differences_of_values_and_gradients_limits_of_them() {
    for (setting, problem) in instances(3) {
        let n = problem.start.len();
        let mut x: Vec<f64> = (0..n).map(|i| 0.02 + 0.003 * ((i * 7) % 31) as f64).collect();
        if !problem.solution.is_empty() {
            let scale = problem.value(&x).abs() + problem.least.abs();
            let difference = problem.value(&x) - problem.value(&problem.solution);
            assert!((problem.gap(&x) - difference).abs() < 1e-10 * (1.0 + scale), "{:?}", setting.functions);
        }
        if matches!(problem.function, Function::Game { .. }) || problem.constraint == Constraint::L1 {
            continue;
        }
        let g = problem.gradient(&x);
        for i in [0, n / 2, n - 1] {
            let (h, middle) = (1e-6, x[i]);
            x[i] = middle + h;
            let up = problem.value(&x);
            x[i] = middle - h;
            let slope = (up - problem.value(&x)) / (2.0 * h);
            x[i] = middle;
            assert!((slope - g[i]).abs() < 1e-5 * (1.0 + g[i].abs()), "{:?}: {slope} {}", setting.functions, g[i]);
        }
    }
}

// x* = prox(x* − ∇f(x*)/β), which characterises the minimum of a smooth function plus a simple one.
#[test]
fn the_solutions_of_smooth_instances_are_fixed_points_of_the_proximal_gradient() {
    for seed in 0..3 {
        for (setting, problem) in instances(seed) {
            let smooth = !matches!(setting.functions, Class::Lipschitz | Class::Saddle | Class::CuttingPlane);
            if smooth {
                let mut x = problem.solution.clone();
                let g = problem.gradient(&x);
                x.iter_mut().zip(&g).for_each(|(x, g)| *x -= g / problem.beta);
                problem.constraint.prox(&mut x, 1.0 / problem.beta);
                let far = x.iter().zip(&problem.solution).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(far < 1e-8, "{:?} {:?}: {far}", setting.functions, setting.instance);
            }
        }
    }
}

#[test]
fn every_method_of_every_class_stays_under_its_bound_and_out_of_the_zone() {
    for (setting, problem) in instances(1) {
        for run in run_all(&setting, &problem) {
            assert!(
                run.worst <= 1.0 && run.t > 0,
                "{:?} {:?} {}: {}",
                setting.functions,
                setting.instance,
                run.id,
                run.worst
            );
            assert!(
                run.intrusion.is_none_or(|deep| deep < 1e-9),
                "{:?} {}: {:?}",
                setting.functions,
                run.id,
                run.intrusion
            );
            assert!(run.gap > -1e-9 * problem.first, "{:?} {}: a gap of {}", setting.functions, run.id, run.gap);
        }
    }
}

#[test]
fn constants_understated_fourfold_break_gradient_descents_bound() {
    let setting = Setting { understated: 4.0, dimension: 30, iterations: 200, ..Setting::default() };
    let problem = Instance::asked(&setting, &mut Rng::seed_from_u64(1)).unwrap();
    assert!(run_all(&setting, &problem)[0].worst > 1.0);
}

#[test]
fn the_minimum_of_the_planes_is_a_minimum() {
    let mut rng = Rng::seed_from_u64(4);
    let problem = Instance::planes(6, &mut rng);
    assert!(problem.value(&problem.solution).abs() < 1e-12);
    for _ in 0..200 {
        let x: Vec<f64> = (0..6).map(|_| rng.random_range(-1.0..1.0)).collect();
        assert!(problem.value(&x) > -1e-12);
    }
}

#[test]
fn newton_finds_the_analytic_centre() {
    // t τ − log(τ − x) − log(τ + x) is least at x = 0, τ = 2/t.
    let (rows, offsets) = ([1.0, -1.0], [0.0, 0.0]);
    let (mut x, mut tau) = ([0.3], 1.0);
    for _ in 0..50 {
        newton(&rows, &offsets, 5.0, &mut x, &mut tau).unwrap();
    }
    assert!(x[0].abs() < 1e-12 && (tau - 0.4).abs() < 1e-12);
}

#[test]
fn svrgs_and_coordinates_fixed_point_is_the_minimum() {
    let setting =
        Setting { functions: Class::FiniteSum, dimension: 10, condition: 10.0, iterations: 400, ..Setting::default() };
    let problem = Instance::asked(&setting, &mut Rng::seed_from_u64(2)).unwrap();
    for run in run_all(&setting, &problem) {
        let exact = matches!(run.mover, Mover::Svrg { .. } | Mover::Coordinate { .. } | Mover::Gradient { .. });
        let share = if exact { 1e-9 } else { 0.1 };
        assert!(run.gap < share * problem.first, "{}: {}", run.id, run.gap / problem.first);
    }
}

proptest! {
    // Grünbaum: a line through the centre of gravity leaves at most 1 − 1/e of a convex body on either side.
    #[test]
    fn a_cut_through_the_centre_of_gravity_removes_more_than_a_third(
        angles in prop::collection::vec(0.0_f64..std::f64::consts::TAU, 1..12),
    ) {
        let mut polygon = Polygon::square(4.0);
        for angle in angles {
            let (before, centre) = polygon.gravity();
            let g = [orrery_kernels::math::cos(angle), orrery_kernels::math::sin(angle)];
            polygon.clip(centre, g);
            let (after, inside) = polygon.gravity();
            prop_assert!(after <= (1.0 - 1.0 / std::f64::consts::E) * before, "{} of {}", after, before);
            prop_assert!(g[0] * (inside[0] - centre[0]) + g[1] * (inside[1] - centre[1]) < 0.0);
        }
    }

    #[test]
    fn the_next_ellipsoid_holds_the_half_and_has_the_volume_that_is_proved(
        g in prop::collection::vec(-1.0_f64..1.0, 3), u in prop::collection::vec(-1.0_f64..1.0, 3),
    ) {
        proptest::prop_assume!(inner(&g, &g) > 0.01 && inner(&u, &u) <= 1.0);
        let (mut centre, mut shape) = (vec![0.0; 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        // A point of the half ball.
        let sign = if inner(&g, &u) > 0.0 { -1.0 } else { 1.0 };
        let x: Vec<f64> = u.iter().map(|u| sign * u).collect();
        prop_assert!(shrink(&mut centre, &mut shape, &g));
        let h = DMatrix::from_row_slice(3, 3, &shape);
        let d = DMatrix::from_iterator(3, 1, x.iter().zip(&centre).map(|(x, c)| x - c));
        let inverse = h.clone().try_inverse().unwrap();
        prop_assert!((d.transpose() * inverse * d)[(0, 0)] <= 1.0 + 1e-12);
        // The volume falls by n/(n + 1) (n²/(n² − 1))^{(n−1)/2} ≤ e^{−1/2n}.
        let volume = h.determinant().sqrt();
        prop_assert!((volume - 0.75 * 9.0 / 8.0).abs() < 1e-12 && volume < orrery_kernels::math::exp(-1.0 / 6.0));
    }

    #[test]
    fn proximal_maps_do_not_expand(
        x in prop::collection::vec(-3.0_f64..3.0, 5), y in prop::collection::vec(-3.0_f64..3.0, 5),
    ) {
        use Constraint::{Ball, L1, Orthant, Simplex, Square};
        for constraint in [Ball(1.0), Simplex, Orthant, Square(1.0), L1] {
            let (mut p, mut q) = (x.clone(), y.clone());
            constraint.prox(&mut p, 0.5);
            constraint.prox(&mut q, 0.5);
            let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            prop_assert!(far(&p, &q) <= far(&x, &y) + 1e-12, "{:?}", constraint);
        }
    }
}
