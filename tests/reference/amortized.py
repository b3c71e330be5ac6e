"""Solvers and semi-amortized training in JAX and optax, for crate/wings/optimizers/src/amortized_optimization.rs.

    pip install "jax[cpu]" optax && python amortized.py > amortized.json

The objectives are written down once; JAX differentiates them, for the solvers' steps and through the unrolled steps for
the training. On the sphere a step is the projected gradient's, normalised. The network's own start is divided by
sqrt(|y|^2 + 1e-12), as the exhibit does, and so is each unrolled step. 200 steps of each solver from three instances, and 200 of
Adam on batches of six out of eighteen instances. Of the solvers every fiftieth point is kept, of the training the first,
the hundredth and the last: every eighth parameter, and three predictions.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax

STEPS, EVERY = 200, 50
KAPPA, LAMBDA, EDGE = 5.0, 0.1, 4.0


def entries(first, *shape):
    k = first + np.arange(np.prod(shape), dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 3).reshape(shape)


D = entries(0, 20, 40)
D = np.round(D / np.linalg.norm(D, axis=0), 3)
CURVATURES = np.round(np.geomspace(1.0, 1.0 / 30.0, 8), 4)
B = entries(3000, 8, 8)


def shrink(v, t):
    return jnp.maximum(v - t, 0.0) - jnp.maximum(-v - t, 0.0)


class Sphere:
    inputs, outputs, rate = 18, 3, 0.4
    cold = [0.0, 0.0, 1.0]
    f = smooth = staticmethod(lambda y, x: -jax.nn.logsumexp(KAPPA * x.reshape(6, 3) @ y) / KAPPA)

    @staticmethod
    def land(y, eta, soft):
        return y / jnp.sqrt(y @ y + soft)

    @staticmethod
    def tangent(y, g):
        return (jnp.eye(3) - jnp.outer(y, y)) @ g


class Flat:
    tangent = staticmethod(lambda y, g: g)
    land = staticmethod(lambda y, eta, soft: y)


class Sparse(Flat):
    inputs, outputs, rate = 20, 40, round(0.98 / np.linalg.norm(D, 2) ** 2, 6)
    cold = [0.0] * 40
    smooth = staticmethod(lambda y, x: 0.5 * jnp.sum((D @ y - x) ** 2))
    f = staticmethod(lambda y, x: 0.5 * jnp.sum((D @ y - x) ** 2) + LAMBDA * jnp.sum(jnp.abs(y)))
    land = staticmethod(lambda y, eta, soft: shrink(y, eta * LAMBDA))


class Quadratic(Flat):
    inputs, outputs, rate = 8, 8, 0.8
    cold = [0.0] * 8
    f = smooth = staticmethod(lambda y, x: 0.5 * y @ jnp.diag(CURVATURES) @ y - (B @ x) @ y)


class Ripples(Flat):
    inputs, outputs, rate = 1, 1, 0.05
    cold = [0.5]
    f = smooth = staticmethod(lambda y, x: jnp.sum((y - x) ** 2 + 0.3 * jnp.sin(5.0 * y)))
    land = staticmethod(lambda y, eta, soft: jnp.clip(y, -EDGE, EDGE))


def step(family, y, x, eta, soft):
    g = family.tangent(y, jax.grad(family.smooth)(y, x))
    return family.land(y - eta * g, eta, soft)


def solvers(family, x):
    ways = []
    walk = jax.jit(lambda y, x: step(family, y, x, family.rate, 0.0))
    for x in x[:3]:
        y, way = jnp.array(family.cold), []
        for t in range(STEPS):
            y = walk(y, x)
            if (t + 1) % EVERY == 0:
                way.append(y.tolist())
        ways.append(way)
    return ways


def training(family, x, solutions, loss, width, unrolled):
    sizes = [family.inputs, width, width, family.outputs]
    theta = []
    for l, (a, b) in enumerate(zip(sizes, sizes[1:])):
        # The last bias is large, so that no start is near zero, where normalising would magnify rounding.
        theta.append(np.round(entries(5000 + 1000 * l, a, b) / np.sqrt(a), 3))
        theta.append(np.round(entries(5500 + 1000 * l, b) / [10, 10, 1][l], 3))
    theta.append(np.round(np.log(family.rate) + 0.1 * np.arange(unrolled), 3))
    theta = [jnp.asarray(part) for part in theta]
    start = np.concatenate([np.ravel(part) for part in theta])

    def predict(theta, x):
        *layers, steps = theta
        h = x
        for l in range(0, 6, 2):
            h = (jnp.tanh(h) if l else h) @ layers[l] + layers[l + 1]
        y = family.land(h, 0.0, 1e-12)
        for k in range(unrolled):
            y = step(family, y, x, jnp.exp(steps[k]), 1e-12)
        return y

    def mean_loss(theta, x, solutions):
        y = jax.vmap(lambda x: predict(theta, x))(x)
        total = 0.0
        if loss != "regression":
            total += jnp.mean(jax.vmap(family.f)(y, x))
        if loss != "objective":
            total += jnp.mean(jnp.sum((y - solutions) ** 2, axis=1))
        return total

    rule = optax.chain(optax.clip_by_global_norm(10.0), optax.adam(0.003))
    state = rule.init(theta)

    @jax.jit
    def train(theta, state, x, solutions):
        update, state = rule.update(jax.grad(mean_loss)(theta, x, solutions), state)
        return optax.apply_updates(theta, update), state

    path = []
    for t in range(STEPS):
        rows = (5 * t + 7 * np.arange(6)) % 18
        theta, state = train(theta, state, x[rows], solutions[rows])
        if t == 0 or (t + 1) % 100 == 0:
            flat = np.concatenate([np.ravel(part) for part in theta])
            ways = [predict(theta, x[row]).tolist() for row in range(3)]
            path.append({"step": t + 1, "theta": flat[::8].tolist(), "predictions": ways})
    return {"loss": loss, "width": width, "unrolled": unrolled, "start": start.tolist(), "path": path}


families = {}
for name, family, size, runs in [
    ("sphere", Sphere, 1.0, [("objective", 6, 3), ("both", 6, 1)]),
    ("sparse", Sparse, 1.0, [("objective", 5, 2)]),
    ("quadratic", Quadratic, 1.0, [("regression", 5, 2)]),
    ("formula", Ripples, 2.0, [("objective", 5, 3), ("regression", 5, 1)]),
]:
    x, solutions = size * entries(12000, 18, family.inputs), entries(9000, 18, family.outputs)
    families[name] = {
        "rate": family.rate,
        "x": x.ravel().tolist(),
        "solutions": solutions.ravel().tolist(),
        "solvers": solvers(family, x),
        "training": [training(family, x, solutions, *run) for run in runs],
    }
shared = {"dictionary": D.ravel().tolist(), "curvatures": CURVATURES.tolist(), "b": B.ravel().tolist()}
made = f"optax {optax.__version__}, jax {jax.__version__}"
print(json.dumps({"made by": made} | shared | {"families": families}))
