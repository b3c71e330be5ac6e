//! The small networks: against JAX (`tests/reference/networks.py` made the vectors), against central differences, in single
//! against double precision, and by their symmetries.

use orrery_kernels::autodiff::{Graph, Node, Pooling};
use orrery_kernels::math::Float;
use orrery_kernels::math::sin;
use orrery_kernels::networks::{
    Activation, ConvolutionalLayer, ConvolutionalNetwork, Initialization, Input, Mlp, Parameters, Positions,
    Transformer, TransformerShape,
};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_reference::{difference, number, numbers, vectors, whole};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// `height sin(pace (i + 1))` for `i` from 0 on.
fn waves<T: Float>(count: usize, pace: f64, height: f64) -> Vec<T> {
    (0..count).map(|i| T::of(height * sin(pace * (i as f64 + 1.0)))).collect()
}

enum Network {
    Mlp(Mlp),
    Convolutional(ConvolutionalNetwork, usize, usize),
    Transformer(Transformer, TransformerShape),
}

impl Network {
    fn parameters(&self) -> &Parameters {
        match self {
            Self::Mlp(network) => &network.parameters,
            Self::Convolutional(network, ..) => &network.parameters,
            Self::Transformer(network, _) => &network.parameters,
        }
    }

    /// The cross-entropy of a few examples.
    fn loss<T: Float>(&self, g: &mut Graph<T>, p: &[Node]) -> Node {
        let logits = match self {
            Self::Mlp(network) => {
                let x = g.leaf(5, 3, waves(15, 1.3, 1.0));
                network.apply(g, p, x)
            }
            Self::Convolutional(network, images, size) => {
                let x = g.leaf(*images, *size, waves(images * size, 1.7, 1.0));
                network.apply(g, p, x)
            }
            Self::Transformer(network, shape) => match shape.input {
                Input::Tokens(kinds) => {
                    let tokens: Vec<_> = (0..2 * shape.length).map(|i| (i * i + i) % kinds).collect();
                    network.apply_tokens(g, p, &tokens)
                }
                Input::Vectors(inputs) => {
                    let x = g.leaf(2 * shape.length, inputs, waves(2 * shape.length * inputs, 1.1, 1.0));
                    network.apply(g, p, x)
                }
            },
        };
        let (rows, columns) = g.shape(logits);
        let classes: Vec<_> = (0..rows).map(|i| i * i % columns).collect();
        g.cross_entropy(logits, &classes)
    }

    fn gradient<T: Float>(&self, theta: &[T]) -> (T, Vec<T>) {
        let mut gradient = vec![T::default(); theta.len()];
        let value = self.parameters().gradient(theta, &mut gradient, |g, p| self.loss(g, p));
        (value, gradient)
    }

    fn hessian_vector<T: Float>(&self, theta: &[T], v: &[T]) -> Vec<T> {
        let mut product = vec![T::default(); theta.len()];
        self.parameters().hessian_vector(theta, v, &mut product, |g, p| self.loss(g, p));
        product
    }
}

const ACTIVATIONS: [(&str, Activation); 7] = [
    ("mlp relu", Activation::Relu),
    ("mlp leaky relu", Activation::LeakyRelu(0.1)),
    ("mlp tanh", Activation::Tanh),
    ("mlp sigmoid", Activation::Sigmoid),
    ("mlp gelu", Activation::Gelu),
    ("mlp silu", Activation::Silu),
    ("mlp softplus", Activation::Softplus),
];

const DECODER: TransformerShape = TransformerShape {
    input: Input::Tokens(7),
    length: 5,
    width: 6,
    heads: 2,
    layers: 2,
    hidden: 8,
    outputs: 7,
    causal: true,
    positions: Positions::Learned,
};

const ENCODER: TransformerShape = TransformerShape {
    input: Input::Vectors(3),
    length: 4,
    width: 6,
    heads: 3,
    layers: 1,
    hidden: 8,
    outputs: 2,
    causal: false,
    positions: Positions::Sinusoidal,
};

const ATTENTION: TransformerShape = TransformerShape {
    width: 8,
    heads: 1,
    layers: 4,
    hidden: 0,
    outputs: 3,
    causal: true,
    positions: Positions::None,
    ..ENCODER
};

fn networks() -> Vec<(&'static str, Network)> {
    let mlp = |activation| Network::Mlp(Mlp::new(&[3, 6, 5, 4], activation, Initialization::Glorot));
    let layer = |outputs, window, stride, pooling| ConvolutionalLayer { outputs, window, stride, pooling };
    let images = [layer(4, (3, 3), 1, Some((Pooling::Max, (2, 2)))), layer(3, (2, 2), 2, None)];
    let signals = [layer(3, (1, 5), 1, Some((Pooling::Mean, (1, 3))))];
    let images = ConvolutionalNetwork::new((5, 7, 2), &images, 4, Activation::Gelu, Initialization::He);
    let signals = ConvolutionalNetwork::new((1, 11, 1), &signals, 2, Activation::Tanh, Initialization::LeCun);
    let transformer = |shape| Network::Transformer(Transformer::new(shape, Activation::Gelu), shape);
    let mut networks: Vec<_> = ACTIVATIONS.map(|(name, activation)| (name, mlp(activation))).into();
    networks.extend([
        ("images", Network::Convolutional(images, 3, 70)),
        ("signals", Network::Convolutional(signals, 4, 11)),
        ("decoder", transformer(DECODER)),
        ("encoder", transformer(ENCODER)),
        ("attention", transformer(ATTENTION)),
    ]);
    networks
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The greatest distance of two vectors in units of the second's greatest entry.
fn apart(mine: impl Iterator<Item = f64>, expected: &[f64]) -> f64 {
    difference(&mine.collect::<Vec<f64>>(), expected)
}

#[test]
fn losses_gradients_and_hessians_are_those_of_jax() {
    let reference = vectors(include_str!("../../../tests/reference/networks.json"));
    for (name, network) in networks() {
        let known = &reference["networks"][name];
        let count = network.parameters().count();
        assert_eq!(whole(&known["count"]), count, "{name}");
        let (theta, v) = (waves::<f64>(count, 0.9, 0.7), waves(count, 1.9, 1.0));
        let (value, gradient) = network.gradient(&theta);
        let product = network.hessian_vector(&theta, &v);
        let errors = [
            (value - number(&known["loss"])).abs() / value,
            apart(gradient.into_iter().step_by(7), &numbers(&known["gradient"])),
            apart(product.into_iter().step_by(7), &numbers(&known["product"])),
        ];
        println!("{name}: {errors:?}");
        assert!(errors.iter().all(|&error| error < 1e-12), "{name}: {errors:?}");
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for (name, network) in networks() {
        let theta: Vec<f32> = network.parameters().initial(&mut ChaCha8Rng::seed_from_u64(3));
        let exact: Vec<f64> = theta.iter().map(|&x| x.into()).collect();
        let v: Vec<f32> = waves(theta.len(), 1.9, 1.0);
        let exact_v: Vec<f64> = v.iter().map(|&x| x.into()).collect();
        let ((value, gradient), (exact_value, exact_gradient)) = (network.gradient(&theta), network.gradient(&exact));
        let (product, exact_product) = (network.hessian_vector(&theta, &v), network.hessian_vector(&exact, &exact_v));
        let errors = [
            (f64::from(value) - exact_value).abs() / exact_value,
            apart(gradient.into_iter().map(f64::from), &exact_gradient),
            apart(product.into_iter().map(f64::from), &exact_product),
        ];
        println!("{name}: {errors:?}");
        // A few hundred roundings of 6e-8 at most.
        assert!(errors.iter().all(|&error| error < 2e-5), "{name}: {errors:?}");
    }
}

/// The derivative at zero by four points: it errs by about `h⁴/30` times the fifth derivative, and by rounding of 1e-16/h.
fn slope(f: impl Fn(f64) -> f64) -> f64 {
    let h = 3e-5;
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    // The networks without kinks, from their own initialisation.
    #[test]
    fn gradients_and_hessians_agree_with_central_differences(seed in 0_u64..1_000_000) {
        let kinked = ["mlp relu", "mlp leaky relu", "images"];
        for (name, network) in networks().into_iter().filter(|(name, _)| !kinked.contains(name)) {
            let parameters = network.parameters();
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let theta: Vec<f64> = parameters.initial(&mut rng);
            let [v, w] = [0, 1].map(|i| waves::<f64>(theta.len(), 0.7 + f64::from(i), 1.0 / (theta.len() as f64).sqrt()));
            let at = |t: f64| {
                let theta: Vec<f64> = theta.iter().zip(&v).map(|(x, v)| x + t * v).collect();
                let (value, gradient) = network.gradient(&theta);
                [value, dot(&gradient, &v), dot(&gradient, &w)]
            };
            let (expected, mine) = (slope(|t| at(t)[0]), at(0.0)[1]);
            prop_assert!((mine - expected).abs() <= 1e-8 * (1.0 + mine.abs()), "{name}: {mine} {expected}");
            let (expected, curvature) = (slope(|t| at(t)[2]), dot(&network.hessian_vector(&theta, &v), &w));
            let size = 1.0 + curvature.abs();
            prop_assert!((curvature - expected).abs() <= 1e-7 * size, "{name}: {curvature} {expected}");
            // The Hessian is symmetric.
            let mirrored = dot(&network.hessian_vector(&theta, &w), &v);
            prop_assert!((curvature - mirrored).abs() <= 1e-10 * (1.0 + curvature.abs()), "{name}: {curvature} {mirrored}");
        }
    }

    #[test]
    fn what_comes_later_does_not_change_what_a_causal_transformer_said(seed in 0_u64..1000, place in 0_usize..5) {
        let network = Transformer::new(DECODER, Activation::Gelu);
        let theta: Vec<f64> = network.parameters.initial(&mut ChaCha8Rng::seed_from_u64(seed));
        let says = |tokens: &[usize]| {
            let mut g = Graph::new();
            let p = network.parameters.leaves(&mut g, &theta);
            let y = network.apply_tokens(&mut g, &p, tokens);
            g.value(y).to_vec()
        };
        let (before, mut tokens) = (says(&[1, 2, 3, 4, 5]), [1, 2, 3, 4, 5]);
        tokens[place] = 6;
        let after = says(&tokens);
        prop_assert_eq!(&before[..7 * place], &after[..7 * place]);
        prop_assert!(before[7 * place..7 * (place + 1)] != after[7 * place..7 * (place + 1)]);
    }

    // Without positions and without a mask a transformer knows no order.
    #[test]
    fn without_positions_an_encoder_permutes_as_its_input_does(seed in 0_u64..1000) {
        let shape = TransformerShape { positions: Positions::None, ..ENCODER };
        let network = Transformer::new(shape, Activation::Gelu);
        let theta: Vec<f64> = network.parameters.initial(&mut ChaCha8Rng::seed_from_u64(seed));
        let says = |order: [usize; 4]| {
            let mut g = Graph::new();
            let p = network.parameters.leaves(&mut g, &theta);
            let x = g.leaf(4, 3, waves(12, 1.1, 1.0));
            let x = g.rows(x, &order);
            let y = network.apply(&mut g, &p, x);
            g.value(y).to_vec()
        };
        let (plain, turned) = (says([0, 1, 2, 3]), says([2, 0, 3, 1]));
        for (i, place) in [2, 0, 3, 1].into_iter().enumerate() {
            for j in 0..2 {
                prop_assert!((turned[2 * i + j] - plain[2 * place + j]).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn weights_are_drawn_with_the_deviation_that_is_asked_for() {
    let cases = [
        (Initialization::Glorot, (2.0_f64 / 500.0).sqrt()),
        (Initialization::He, (2.0_f64 / 200.0).sqrt()),
        (Initialization::LeCun, (1.0_f64 / 200.0).sqrt()),
        (Initialization::Normal(0.3), 0.3),
    ];
    for (initialization, deviation) in cases {
        let network = Mlp::new(&[200, 300], Activation::Tanh, initialization);
        let theta: Vec<f64> = network.parameters.initial(&mut ChaCha8Rng::seed_from_u64(5));
        let weights = &theta[network.parameters.matrix("1.weight").unwrap().range()];
        let variance = dot(weights, weights) / weights.len() as f64;
        // The sample variance of 60,000 normal numbers is off by 0.6 % as a rule; five times that is allowed.
        assert!((variance / (deviation * deviation) - 1.0).abs() < 0.03, "{initialization:?}");
        assert!(theta[network.parameters.matrix("1.bias").unwrap().range()].iter().all(|&bias| bias == 0.0));
    }
}

// The token two places back is what attention with positions can say and nothing pointwise can.
#[test]
fn a_decoder_learns_to_repeat_what_came_two_places_before() {
    let shape = TransformerShape {
        input: Input::Tokens(4),
        length: 8,
        width: 16,
        heads: 2,
        layers: 2,
        hidden: 32,
        outputs: 4,
        causal: true,
        positions: Positions::Learned,
    };
    let network = Transformer::new(shape, Activation::Gelu);
    let mut theta: Vec<f32> = network.parameters.initial(&mut ChaCha8Rng::seed_from_u64(1));
    let (mut gradient, mut adam) = (vec![0.0; theta.len()], Adam::new(theta.len(), 0.01, [0.9, 0.99]));
    let tokens: Vec<usize> = (0..32 * 8_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 30) as usize).collect();
    // From the third place on; the first two have no such past.
    let places: Vec<usize> = (0..32 * 8).filter(|i| i % 8 >= 2).collect();
    let past: Vec<usize> = places.iter().map(|i| tokens[i - 2]).collect();
    let mut loss = f32::INFINITY;
    for _ in 0..150 {
        loss = network.parameters.gradient(&theta, &mut gradient, |g, p| {
            let logits = network.apply_tokens(g, p, &tokens);
            let logits = g.rows(logits, &places);
            g.cross_entropy(logits, &past)
        });
        adam.step(&mut theta, &gradient);
    }
    println!("loss {loss}");
    assert!(loss < 0.05, "{loss}");
}

// A vertical bar anywhere against a horizontal bar anywhere: the filters are shared by all places.
#[test]
fn a_convolutional_network_learns_to_tell_bars_apart() {
    let layer = ConvolutionalLayer { outputs: 4, window: (3, 3), stride: 1, pooling: Some((Pooling::Max, (8, 8))) };
    let network = ConvolutionalNetwork::new((8, 8, 1), &[layer], 2, Activation::Relu, Initialization::He);
    let mut theta: Vec<f32> = network.parameters.initial(&mut ChaCha8Rng::seed_from_u64(2));
    let bar = |place: usize, upright: bool| (0..64).map(move |i| if upright { i % 8 } else { i / 8 } == place);
    let images = (0..16).flat_map(|i| bar(i / 2, i % 2 == 0)).map(|ink| if ink { 1.0 } else { 0.0 });
    let (x, classes): (Vec<f32>, Vec<usize>) = (images.collect(), (0..16).map(|i| i % 2).collect());
    let (mut gradient, mut adam) = (vec![0.0; theta.len()], Adam::new(theta.len(), 0.05, [0.9, 0.999]));
    let mut loss = f32::INFINITY;
    for _ in 0..200 {
        loss = network.parameters.gradient(&theta, &mut gradient, |g, p| {
            let x = g.leaf(16, 64, x.clone());
            let logits = network.apply(g, p, x);
            g.cross_entropy(logits, &classes)
        });
        adam.step(&mut theta, &gradient);
    }
    println!("loss {loss}");
    assert!(loss < 0.02, "{loss}");
}
