"""Descent with teleports after Zhao, Gower, Walters and Yu, for crate/wings/optimizers/src/teleportation_symmetry.rs.

    pip install "jax[cpu]" optax scipy && python teleportation.py > teleportation.json

In the plane the steepest point of an ellipse is written down from its axes, and turning uses SciPy's matrix root and
exponential. In the networks JAX differentiates the squared gradient norm (or the mean loss around the point) through the
group action itself. The steps between are optax's. Everybody takes 200 steps; the point after every twentieth is kept.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import scipy
from scipy.linalg import expm, sqrtm

STEPS, EVERY = 200, 20

OPTIMIZERS = {
    "gd": optax.sgd,
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "adagrad": lambda rate: optax.adagrad(rate, initial_accumulator_value=0.0, eps=1e-10),
    "adam": lambda rate: optax.adam(rate, b1=0.9, b2=0.999, eps=1e-8),
}


def descend(rule, gradient, w, teleport, at, count):
    """Before the steps at, 2 at, ... there is a teleport, `count` in all."""
    state, path = rule.init(w), []
    for t in range(STEPS):
        if t % at == 0 and 0 < t <= at * count:
            w = teleport(w)
        update, state = rule.update(gradient(w), state, w)
        w = optax.apply_updates(w, update)
        if (t + 1) % EVERY == 0:
            path.append(np.concatenate([np.ravel(part) for part in jax.tree.leaves(w)]).tolist())
    return path


# A bowl of curvatures 20 and 2, turned by 30 degrees, its minimum at (1, -1).
CENTRE = np.array([1.0, -1.0])
steep, flat = np.array([np.sqrt(0.75), 0.5]), np.array([-0.5, np.sqrt(0.75)])
A = 20.0 * np.outer(steep, steep) + 2.0 * np.outer(flat, flat)


def to_the_steepest(w):
    """On {f = c} the gradient is longest at the ends of the shortest half axis; the nearer of the two."""
    d = w - CENTRE
    return CENTRE + np.sign(d @ steep) * np.sqrt((d @ A @ d) / 20.0) * steep


def by_forty_five_degrees(w):
    turn = expm(np.pi / 4.0 * np.array([[0.0, -1.0], [1.0, 0.0]]))
    root = np.real(sqrtm(A))
    return CENTRE + np.linalg.solve(root, turn @ root @ (w - CENTRE))


planes = []
for name, rate in [("gd", 0.02), ("momentum", 0.004), ("adagrad", 0.3), ("adam", 0.02)]:
    for aim, teleport in [("steepest", to_the_steepest), ("by hand", by_forty_five_degrees)]:
        start = np.array([-1.5, 3.0])
        path = descend(OPTIMIZERS[name](rate), lambda w: A @ (w - CENTRE), start, teleport, 6, 3)
        planes.append({"optimizer": name, "rate": rate, "aim": aim, "start": start.tolist(), "path": path})


def entries(rows, columns, first):
    k = first + np.arange(rows * columns, dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 3).reshape(rows, columns)


def network(sizes, slope, examples, target, goal, rate, at, count, ascent):
    sigma = lambda z: jnp.where(z > 0.0, z, slope * z)
    undo = lambda h: jnp.where(h > 0.0, h, h / slope)

    def loss(w):
        h = examples
        for layer, weights in enumerate(w):
            h = (sigma(h) if layer else h) @ weights
        if target.ndim == 1:
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(h, target))
        return jnp.sum((h - target) ** 2) / len(examples)

    count_all = sum(a * b for a, b in zip(sizes, sizes[1:]))
    away = [0.01 * entries(1, count_all, 700 + 900 * k)[0] for k in range(2)]

    def objective(w):
        """What a teleport is to make large."""
        if goal == "gradient":
            return sum(jnp.sum(g**2) for g in jax.grad(loss)(w))
        cuts = np.cumsum([a * b for a, b in zip(sizes, sizes[1:])])[:-1]
        total = 0.0
        for d in away:
            parts = [part.reshape(m.shape) for part, m in zip(np.split(d, cuts), w)]
            for sign in [1.0, -1.0]:
                total += loss([m + sign * part for m, part in zip(w, parts)])
        return total if goal == "sharpest" else -total

    def act(w, layer, g):
        h = examples
        for weights in w[:layer]:
            h = sigma(h @ weights)
        z = h @ w[layer]
        moved = list(w)
        moved[layer] = w[layer] + jnp.linalg.pinv(h) @ (undo(sigma(z) @ g) - z)
        moved[layer + 1] = jnp.linalg.solve(g, w[layer + 1])
        return moved

    by_t = [
        jax.jit(jax.grad(lambda t, w, layer=layer: objective(act(w, layer, jnp.eye(len(t)) + t))))
        for layer in range(len(sizes) - 2)
    ]

    def teleport(w):
        for _ in range(ascent):
            for layer in range(len(w) - 1):
                size = w[layer].shape[1]
                t = by_t[layer](jnp.zeros((size, size)), w)
                w = act(w, layer, jnp.eye(size) + 0.01 * t / jnp.linalg.norm(t))
        return w

    start = [jnp.asarray(entries(a, b, 100 * (i + 1)) / 2.0) for i, (a, b) in enumerate(zip(sizes, sizes[1:]))]
    path = descend(OPTIMIZERS["gd"](rate), jax.jit(jax.grad(loss)), start, teleport, at, count)
    return {
        "sizes": sizes,
        "slope": slope,
        "examples": examples.ravel().tolist(),
        "target": target.ravel().tolist(),
        "classes": target.ndim == 1,
        "goal": goal,
        "rate": rate,
        "at": at,
        "teleports": count,
        "ascent": ascent,
        "away": [d.tolist() for d in away],
        "start": np.concatenate([np.ravel(m) for m in start]).tolist(),
        "path": path,
    }


linear = entries(8, 4, 0), entries(8, 3, 40)
glyphs = 2.0 * entries(5, 6, 0), np.array([0, 2, 1, 1, 0])
networks = [
    network([4, 4, 3], 1.0, *linear, "gradient", 0.02, 10, 2, 10),
    network([6, 5, 4, 3], 0.1, *glyphs, "gradient", 0.05, 10, 2, 10),
    network([6, 5, 4, 3], 0.1, *glyphs, "flattest", 0.05, 10, 1, 10),
    network([6, 5, 4, 3], 0.1, *glyphs, "sharpest", 0.05, 10, 1, 10),
]
made = f"optax {optax.__version__}, jax {jax.__version__}, scipy {scipy.__version__}"
print(json.dumps({"made by": made, "planes": planes, "networks": networks}))
