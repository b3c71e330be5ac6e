//! Valid settings: every end of every control, and random ones.

use orrery_core::control::{
    CurveSpec, FormulaSpec, ImageSpec, Integer, Kind, Number, PointsSpec, Settings, Spec, TableSpec, TextSpec,
};
use orrery_core::registry::Entry;
use orrery_kernels::math::pow;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

/// A runner of 48 cases, the same for an exhibit each time.
pub fn runner(entry: &Entry) -> TestRunner {
    let mut seed = [0; 32];
    for (index, byte) in entry.card.slug.bytes().enumerate() {
        seed[index % 32] ^= byte;
    }
    let config = Config { cases: 48, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// A few random settings.
pub fn samples(entry: &Entry, count: usize) -> Vec<Settings> {
    let (mut runner, strategy) = (runner(entry), any(&(entry.specs)()));
    (0..count).filter_map(|_| Some(strategy.new_tree(&mut runner).ok()?.current())).collect()
}

/// What must be set for `spec` to count: the choice or toggle that it waits for.
pub fn needed(spec: &Spec, specs: &[Spec]) -> Settings {
    let waits = spec.when.and_then(|(name, values)| {
        let other = specs.iter().find(|other| other.name == name)?;
        Some((other, *values.first()?))
    });
    let value = waits.map(|(other, value)| match other.kind {
        Kind::Toggle(_) => (other.name.clone(), json!(value == "true")),
        Kind::Set(_) => (other.name.clone(), json!([value])),
        _ => (other.name.clone(), json!(value)),
    });
    value.into_iter().collect()
}

/// Random settings: each control at its default, at one of its ends, or anywhere; in half of them, some control that
/// waits for another gets what it waits for.
pub fn any(specs: &[Spec]) -> impl Strategy<Value = Settings> + use<> {
    let one = |spec: &Spec| {
        let name = spec.name.clone();
        let named = move |value: Json| Some((name.clone(), value));
        prop_oneof![
            2 => Just(None),
            1 => select(ends(&spec.kind)).prop_map(named.clone()),
            3 => anywhere(&spec.kind).prop_map(named),
        ]
    };
    let controls = specs.iter().map(one).collect::<Vec<_>>();
    let mut wakes: Vec<Settings> =
        specs.iter().map(|spec| needed(spec, specs)).filter(|wake| !wake.is_empty()).collect();
    wakes.resize((2 * wakes.len()).max(1), Settings::new());
    (controls, select(wakes)).prop_map(|(controls, wake)| controls.into_iter().flatten().chain(wake).collect())
}

/// The extreme values of a kind of control.
pub fn ends(kind: &Kind) -> Vec<Json> {
    match kind {
        Kind::Number(Number { min, max, .. }) => vec![json!(min), json!(max)],
        Kind::Integer(Integer { min, max, .. }) => vec![json!(min), json!(max)],
        Kind::Toggle(_) => vec![json!(false), json!(true)],
        Kind::Choice(choice) => choice.options.iter().map(|option| json!(option.0)).collect(),
        Kind::Set(set) => {
            let names: Vec<&str> = set.options.iter().map(|option| option.0).collect();
            let alone = names.iter().map(|name| json!([name]));
            [json!([]), json!(names)].into_iter().chain(alone).collect()
        }
        Kind::Points(spec) => point_ends(spec),
        Kind::Curve(CurveSpec { samples, range: [low, high], .. }) => {
            let jagged = |index: usize| if index.is_multiple_of(2) { low } else { high };
            let spike = |index: usize| if index == samples / 2 { high } else { low };
            vec![
                json!(vec![low; *samples]),
                json!(vec![high; *samples]),
                (0..*samples).map(jagged).map(|y| json!(y)).collect(),
                (0..*samples).map(spike).map(|y| json!(y)).collect(),
            ]
        }
        Kind::Formula(spec) => formula_ends(spec),
        Kind::Image(spec @ ImageSpec { max_width, max_height, .. }) => {
            let flat = |width: usize, height: usize, grey: f64| {
                let pixels = std::vec![grey; width * height * spec.channels()];
                json!({ "width": width, "height": height, "pixels": pixels })
            };
            let (width, height) = (*max_width, *max_height);
            vec![
                flat(0, 0, 0.0),
                flat(1, 1, 0.5),
                flat(width, 1, 1.0),
                flat(width, height, 0.0),
                flat(width, height, 1.0),
            ]
        }
        Kind::Text(TextSpec { max }) => {
            vec![
                json!(""),
                json!(" "),
                json!("a".repeat(*max)),
                json!("ß∀\u{1f600}\n".chars().cycle().take(*max).collect::<String>()),
            ]
        }
        Kind::Table(TableSpec { min_columns, max_columns, max_rows }) => {
            let table = |columns: usize, rows: usize, cell: f64| {
                let names: Vec<String> = (1..=columns).map(|column| format!("c{column}")).collect();
                json!({ "columns": names, "rows": vec![vec![cell; columns]; rows] })
            };
            let (least, most) = (*min_columns, *max_columns);
            vec![
                table(least, 0, 0.0),
                table(most, 1, 1.0),
                table(most, (*max_rows).min(200), 0.0),
                table(least, 2, 1e300),
            ]
        }
    }
}

fn point_ends(spec: &PointsSpec) -> Vec<Json> {
    let [[left, right], [low, high]] = spec.domain;
    let (least, most) = (spec.min, spec.max.min(400));
    let middle = [0.5 * (left + right), 0.5 * (low + high)];
    let corners = [[left, low], [right, high], [left, high], [right, low]];
    let on_line = |index: usize| [left + (right - left) * index as f64 / most.max(2) as f64, middle[1]];
    vec![
        json!(vec![middle; least]),
        json!(vec![middle; most]),
        json!(corners.into_iter().cycle().take(most).collect::<Vec<_>>()),
        json!(corners.into_iter().cycle().take(least).collect::<Vec<_>>()),
        json!((0..most).map(on_line).collect::<Vec<_>>()),
    ]
}

/// Formulas that have broken parsers and plotters, in the control's own variables.
const NASTY: [&str; 22] = [
    "",
    " ",
    "0",
    "-3",
    "1/0",
    "1/x",
    "log(x)",
    "log(-1)",
    "sqrt(-1)",
    "sqrt(x)",
    "x^y^9",
    "x^0.5",
    "abs(x)",
    "1e308*x",
    "exp(exp(x))",
    "sin(1/x)",
    "(((",
    "x +* y",
    "unknown(x)",
    "x x",
    "ℵ + 1",
    "tan(x)/0",
];

fn in_variables(formula: &str, variables: &[&str]) -> String {
    let first = variables.first().copied().unwrap_or("1");
    let second = variables.get(1).copied().unwrap_or(first);
    // Only a letter that stands alone is a variable: "exp" keeps its x.
    let letters: Vec<char> = formula.chars().collect();
    let alone = |index: usize| {
        let letter = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|letter| letter.is_alphabetic());
        !letter(index.checked_sub(1)) && !letter(Some(index + 1))
    };
    let named = |(index, letter): (usize, &char)| match letter {
        'x' if alone(index) => first.to_owned(),
        'y' if alone(index) => second.to_owned(),
        other => other.to_string(),
    };
    letters.iter().enumerate().map(named).collect()
}

fn formula_ends(spec: &FormulaSpec) -> Vec<Json> {
    let nasty = NASTY.iter().map(|formula| in_variables(formula, &spec.variables));
    let deep = format!("{}1{}", "(".repeat(249), ")".repeat(249));
    let long = "1+".repeat(249) + "1";
    let examples = spec.examples.iter().map(|(_, formula)| (*formula).to_owned());
    nasty.chain([deep, long]).chain(examples).map(|formula| json!(formula)).collect()
}

fn anywhere(kind: &Kind) -> BoxedStrategy<Json> {
    match kind {
        Kind::Number(Number { min, max, log, .. }) => {
            let (min, max, log) = (*min, *max, *log);
            (0.0..=1.0).prop_map(move |share| json!(between(min, max, log, share))).boxed()
        }
        Kind::Integer(Integer { min, max, log }) => {
            let (min, max, log) = (*min as f64, *max as f64, *log && *min > 0);
            (0.0..=1.0).prop_map(move |share| json!(between(min, max, log, share).round() as usize)).boxed()
        }
        Kind::Set(set) => {
            let names: Vec<&str> = set.options.iter().map(|option| option.0).collect();
            subsequence(names.clone(), 0..=names.len()).prop_map(|names| json!(names)).boxed()
        }
        Kind::Toggle(_) | Kind::Choice(_) => select(ends(kind)).boxed(),
        Kind::Points(PointsSpec { min, max, domain: [[left, right], [low, high]] }) => {
            let point = (*left..=*right, *low..=*high).prop_map(|(x, y)| [x, y]);
            vec(point, *min..=(*max).min(*min + 100)).prop_map(|points| json!(points)).boxed()
        }
        Kind::Curve(CurveSpec { samples, range: [low, high], .. }) => {
            vec(*low..=*high, *samples).prop_map(|values| json!(values)).boxed()
        }
        Kind::Formula(spec) => formula(&spec.variables),
        Kind::Image(spec @ ImageSpec { max_width, max_height, .. }) => {
            let channels = spec.channels();
            (1..=*max_width, 1..=*max_height)
                .prop_flat_map(move |(width, height)| {
                    let pixels = vec(0.0..=1.0, width * height * channels);
                    pixels.prop_map(move |pixels| json!({ "width": width, "height": height, "pixels": pixels }))
                })
                .boxed()
        }
        Kind::Text(TextSpec { max }) => vec(proptest::char::any(), 0..=(*max).min(300))
            .prop_map(|text| json!(text.into_iter().collect::<String>()))
            .boxed(),
        Kind::Table(TableSpec { min_columns, max_columns, max_rows }) => {
            let rows = 0..=(*max_rows).min(100);
            (*min_columns..=(*max_columns).min(*min_columns + 8), rows)
                .prop_flat_map(|(columns, rows)| {
                    let names: Vec<String> = (1..=columns).map(|column| format!("c{column}")).collect();
                    let cells = vec(vec(-10.0..10.0, columns), rows);
                    cells.prop_map(move |rows| json!({ "columns": names, "rows": rows }))
                })
                .boxed()
        }
    }
}

/// The value at `share` of a slider.
fn between(min: f64, max: f64, log: bool, share: f64) -> f64 {
    let value = if log { min * pow(max / min, share) } else { min + (max - min) * share };
    value.clamp(min, max)
}

/// Formulas of a small grammar; now and then some letters at random.
fn formula(variables: &[&'static str]) -> BoxedStrategy<Json> {
    let mut names: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
    names.push("1".to_owned());
    let number = (-50..50).prop_map(|tenths: i32| format!("({})", f64::from(tenths) / 10.0));
    let leaf = prop_oneof![3 => select(names), 1 => number];
    let grown = leaf.prop_recursive(4, 24, 2, |inner| {
        let functions = select(vec!["sin", "cos", "exp", "log", "sqrt", "abs", "tanh"]);
        prop_oneof![
            (inner.clone(), select(vec!["+", "-", "*", "/", "^"]), inner.clone())
                .prop_map(|(left, sign, right)| format!("({left} {sign} {right})")),
            (functions, inner.clone()).prop_map(|(function, inside)| format!("{function}({inside})")),
            inner.prop_map(|inside| format!("-{inside}")),
        ]
    });
    let short = grown.prop_map(|formula| json!(formula.chars().take(500).collect::<String>()));
    let letters: Vec<char> = "xy()+-*/^.,e1 π".chars().collect();
    let noise = vec(select(letters), 0..12).prop_map(|text| json!(text.into_iter().collect::<String>()));
    prop_oneof![8 => short, 1 => noise].boxed()
}
