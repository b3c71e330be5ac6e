"""Gradients of a linear state-space model's loss by JAX, for crate/wings/state-space/src/ssm_learning_dynamics.rs.

    pip install jax && python linear_ssm.py > linear_ssm.json

In time: the recurrence from a silent start, squared error averaged over the samples and halved. In frequency: the same
squared error of the circular filter, by the whole discrete Fourier transform and Parseval's formula.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np

T = 256
rng = np.random.default_rng(5)
u, y = rng.normal(size=T), rng.normal(size=T)
weights = {"a": np.array([0.8, -0.4, 0.95]), "b": np.array([0.7, -1.2, 0.3]), "c": np.array([0.5, 0.9, -1.1])}


def in_time(p):
    def advance(x, u):
        x = p["a"] * x + p["b"] * u
        return x, p["c"] @ x

    _, guess = jax.lax.scan(advance, jnp.zeros(3), u)
    return 0.5 * jnp.mean((y - guess) ** 2)


def in_frequency(p):
    z = jnp.exp(-2j * jnp.pi * jnp.arange(T) / T)
    response = jnp.sum(p["b"] * p["c"] / (1.0 - p["a"] * z[:, None]), axis=1)
    return 0.5 * jnp.sum(jnp.abs(jnp.fft.fft(y) - response * jnp.fft.fft(u)) ** 2) / T**2


def listed(tree):
    return {name: np.asarray(value).tolist() for name, value in tree.items()}


print(
    json.dumps(
        {
            "made by": f"jax {jax.__version__}",
            "input": u.tolist(),
            "target": y.tolist(),
            **listed(weights),
            "time": listed(jax.grad(in_time)(weights)),
            "frequency": listed(jax.grad(in_frequency)(weights)),
        }
    )
)
