use super::prompt::{prompt, read_reply, read_values};
use super::reader::Reader;
use super::trace::*;
use super::workflow::{Shape, Task, Workflow};
use super::{Feedback, Lane, Method};
use orrery_core::prelude::*;
use orrery_kernels::math::tanh;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeSet;

fn random_task(seed: u64, ops: usize, uses: usize, curved: bool) -> Task {
    let shape = Shape { ops, uses, curved, opaque: false };
    Task::new(Workflow::Arithmetic, shape, &mut Rng::seed_from_u64(seed))
}

fn paths(trace: &Trace, id: usize, way: &mut Vec<usize>, found: &mut BTreeSet<usize>) {
    way.push(id);
    if id == 0 {
        found.extend(way.iter());
    }
    trace.nodes[id].parents().iter().for_each(|&parent| paths(trace, parent, way, found));
    way.pop();
}

proptest! {
    #[test]
    fn the_sweep_visits_each_cause_once_and_after_all_that_it_enters(seed in 0_u64..500, uses in 1_usize..5) {
        let task = random_task(seed, 12, uses, true);
        let trace = &task.evaluate(&task.start).traces[0];
        let swept = sweep(trace, &MinimalSubgraphPropagator);
        let when = |id: usize| swept.order.iter().position(|&visited| visited == id);
        let ways = trace.ways();
        for (id, node) in trace.nodes.iter().enumerate() {
            prop_assert_eq!(when(id).is_some(), ways[id] > 0);
            prop_assert_eq!(swept.order.iter().filter(|&&visited| visited == id).count(), usize::from(ways[id] > 0));
            if let Some(child) = when(id) {
                prop_assert!(node.parents().iter().all(|&parent| when(parent) > Some(child)));
            }
        }
    }

    #[test]
    fn the_minimal_subgraph_is_the_union_of_all_paths(seed in 0_u64..500, uses in 1_usize..5) {
        let task = random_task(seed, 12, uses, false);
        let trace = &task.evaluate(&task.start).traces[0];
        let mut found = BTreeSet::new();
        paths(trace, trace.nodes.len() - 1, &mut Vec::new(), &mut found);
        prop_assert_eq!(minimal_subgraph(trace, 1), found);
    }

    #[test]
    fn cotangents_are_the_slopes_of_the_workflow(seed in 0_u64..500) {
        for workflow in [Workflow::Controller, Workflow::Program] {
            let shape = Shape { ops: 10, uses: 1, curved: false, opaque: false };
            let task = Task::new(workflow, shape, &mut Rng::seed_from_u64(seed));
            let here = task.evaluate(&task.start);
            let g = cotangents(&here.traces[0], task.names.len());
            for (i, g) in g.iter().enumerate() {
                let moved = |h: f64| {
                    let mut theta = task.start.clone();
                    theta[i] += h;
                    task.evaluate(&theta).traces.swap_remove(0)
                };
                let (up, down) = (moved(1e-5), moved(-1e-5));
                // Where both sides branch alike.
                if up.nodes.len() == down.nodes.len() {
                    let difference = (up.output() - down.output()) / 2e-5;
                    prop_assert!((g - difference).abs() < 1e-5 * (1.0 + g.abs()), "{g} and {difference}");
                }
            }
        }
    }

    #[test]
    fn an_operand_taken_back_gives_the_desired_value(a in 0.1_f64..4.0, b in 0.1_f64..4.0, want in 0.1_f64..4.0) {
        for op in [Op::Add, Op::Subtract, Op::Multiply, Op::Divide, Op::Asinh] {
            for k in 0..op.arity() {
                let mut operands = [a, b];
                operands[k] = op.operand(k, want, operands).unwrap();
                prop_assert!((op.value(operands) - want).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn one_run_is_enough_to_read_the_parameter_off(seed in 0_u64..300, curved: bool) {
        let task = random_task(seed, 10, 1, curved);
        let mut reader = Lane::new(Method::Reader(Reader::new(true, Feedback::Signed, 1)), Rng::seed_from_u64(0));
        (0..2).for_each(|_| reader.advance(&task));
        prop_assert_eq!(reader.reached, Some(2));
    }

    #[test]
    fn the_wrong_constant_is_found_and_mended(seed in 0_u64..300) {
        let shape = Shape { ops: 6, uses: 1, curved: false, opaque: false };
        let task = Task::new(Workflow::Program, shape, &mut Rng::seed_from_u64(seed));
        let mut reader = Lane::new(Method::Reader(Reader::new(true, Feedback::Signed, 5)), Rng::seed_from_u64(0));
        (0..2).for_each(|_| reader.advance(&task));
        prop_assert_eq!(reader.reached, Some(2));
    }
}

#[test]
fn an_opaque_operation_stops_the_gradient_and_not_the_set() {
    let mut trace = Trace::begin(&[0.5]);
    let hidden = trace.apply(Op::Opaque, [0; 2]);
    let two = trace.leaf(Op::Constant, 2.0);
    trace.apply(Op::Multiply, [hidden, two]);
    assert_eq!(cotangents(&trace, 1), [0.0]);
    assert_eq!(minimal_subgraph(&trace, 1), BTreeSet::from([0, 1, 3]));
    assert!(trace.push_back(0, 1.0).is_none());
    // 2 (2 - tanh² u)
    let bent = tanh(0.5);
    assert!((reverse_mode(&trace, 1)[0] - 2.0 * (2.0 - bent * bent)).abs() < 1e-14);
}

#[test]
fn replies_and_values_are_read_and_refused() {
    let reply = "Sure! {\"reasoning\": \"x: 3\", \"suggestion\": {\"x\": -1.5e0}}";
    assert_eq!(read_reply(reply, &["x"], &[0.0]).unwrap(), Some(vec![-1.5]));
    assert_eq!(read_reply("kd = 2, kb: 7", &["kp", "kd", "kb"], &[1.0; 3]).unwrap(), Some(vec![1.0, 2.0, 7.0]));
    assert_eq!(read_reply("max: 3", &["x"], &[0.0]).unwrap_err().control.as_deref(), Some("reply"));
    assert_eq!(read_values("1, 2.5 -3", &["x"]).unwrap(), [[1.0], [2.5], [-3.0]]);
    assert_eq!(read_values("1 2 3; 4 5 6", &["a", "b", "c"]).unwrap(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert!(read_values("1 2; 3 4 5", &["a", "b", "c"]).is_err() && read_values("NaN", &["x"]).is_err());
}

#[test]
fn the_prompt_holds_the_code_and_hides_it_with_the_trace() {
    let task = random_task(3, 10, 1, false);
    let seen = task.evaluate(&task.start);
    let open = prompt(&seen, &task, Feedback::Signed, true);
    let kept = minimal_subgraph(&seen.traces[0], 1);
    assert_eq!(open.iter().filter(|line| line.starts_with('v')).count(), kept.len() - 1);
    let hidden = prompt(&seen, &task, Feedback::Signed, false);
    let titles: Vec<&String> = hidden.iter().filter(|line| line.starts_with('#')).collect();
    assert_eq!(titles, ["#Instruction", "#Variables", "#Feedback"]);
}
