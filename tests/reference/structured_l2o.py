"""Unrolls of four learned rules and the gradients through them, for crate/wings/optimizers/src/math_structured_l2o.rs.

The rules are those of Liu, Chen, Wang, Yin and Cai, "Towards Constituting Mathematical Structures for Learning to
Optimize" (2023), on two small LASSO problems, coordinate by coordinate, with JAX's derivatives.

    pip install jax && python structured_l2o.py > structured_l2o.json
"""

import json

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

ROWS, COLUMNS, UNITS, UNROLL, LAMBDA = 20, 6, 8, 4, 0.6
rng = np.random.default_rng(7)
a = rng.normal(size=(2, ROWS, COLUMNS)).round(3) / 4
b = rng.normal(size=(2, ROWS)).round(3)
smoothness = np.array([1.02 * np.linalg.norm(m, 2) ** 2 for m in a]).round(4)
sizes = {"input": (2, 32), "memory": (UNITS, 32), "gates": (32,), "output": (UNITS, 4), "bias": (4,)}
theta = rng.normal(scale=0.4, size=sum(int(np.prod(size)) for size in sizes.values())).round(4)


def unpack(theta):
    parts, at = {}, 0
    for name, size in sizes.items():
        count = int(np.prod(size))
        parts[name] = theta[at : at + count].reshape(size)
        at += count
    return parts


def logistic(z):
    return 1 / (1 + jnp.exp(-z))


def prox(v, threshold):
    return jnp.sign(v) * jnp.maximum(jnp.abs(v) - threshold, 0)


def objective(x):
    rest = jnp.einsum("nij,nj->ni", a, x) - b
    return 0.5 * jnp.sum(rest**2) + LAMBDA * jnp.sum(jnp.abs(x))


def unroll(theta, structure):
    w = unpack(theta)
    x = y = jnp.zeros((2, COLUMNS))
    h = c = jnp.zeros((2, COLUMNS, UNITS))
    total = 0.0
    for _ in range(UNROLL):
        gradient = jnp.einsum("nij,ni->nj", a, jnp.einsum("nij,nj->ni", a, y) - b)
        z = jnp.stack([y, gradient], -1) @ w["input"] + h @ w["memory"] + w["gates"]
        i, f, o, g = jnp.split(z, 4, -1)
        c = logistic(f + 1) * c + logistic(i) * jnp.tanh(g)
        h = logistic(o) * jnp.tanh(c)
        said = h @ w["output"] + w["bias"]
        if structure == "black box":
            x = y = x - 0.1 * said[..., 0]
        else:
            p = 2 * logistic(said[..., 0]) / smoothness[:, None]
            v = y - p * gradient
            if structure == "PA + bias":
                v = v - 0.01 * said[..., 2]
            before, x = x, prox(v, LAMBDA * p)
            y = x
            if structure != "P":
                y = y + logistic(said[..., 1]) * (x - before)
            if structure == "PA + bias":
                y = y - 0.01 * said[..., 3]
        total = total + objective(x)
    return total / (UNROLL * objective(jnp.zeros((2, COLUMNS)))), (x, y)


def numbers(values):
    return [float(value) for value in np.asarray(values).ravel()]


cases = []
for structure in ["black box", "P", "PA", "PA + bias"]:
    (loss, (x, y)), slope = jax.value_and_grad(unroll, has_aux=True)(jnp.array(theta), structure)
    case = {"structure": structure, "x": numbers(x), "y": numbers(y), "loss": float(loss), "gradient": numbers(slope)}
    cases.append(case)
print(
    json.dumps(
        {
            "made by": f"jax {jax.__version__}",
            "columns": COLUMNS,
            "unroll": UNROLL,
            "lambda": LAMBDA,
            "a": numbers(a),
            "b": numbers(b),
            "smoothness": numbers(smoothness),
            "theta": numbers(theta),
            "cases": cases,
        }
    )
)
