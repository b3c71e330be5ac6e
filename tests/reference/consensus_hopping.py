"""Consensus hopping and consensus-based optimisation in NumPy and SciPy, for crate/wings/optimizers/src/cbo_is_gradient.rs.

    pip install "jax[cpu]" scipy && python consensus_hopping.py > consensus_hopping.json

The weighted mean is SciPy's softmax of -alpha E; a proximal step is the root of y - x + tau E'(y), found by Newton's method
with JAX's derivatives of the same E. What is drawn for coordinate k of particle i at step t follows a formula:
sqrt(3) (2 u - 1) with u = ((11 + 37 i + 101 t + 59 i t + 211 k) mod 997) / 996. 200 steps each; every fortieth is kept.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import scipy
from scipy.special import softmax

STEPS, EVERY, PARTICLES = 200, 40, 60


def drawn(d, t):
    i, k = np.arange(PARTICLES)[:, None], np.arange(d)[None, :]
    return np.sqrt(3.0) * (2.0 * (((11 + 37 * i + 101 * t + 59 * i * t + 211 * k) % 997) / 996.0) - 1.0)


def rastrigin(x):
    return 0.1 * jnp.sum(x**2) + 0.1 * jnp.sum(1.0 - jnp.cos(2.0 * jnp.pi * x))


def canyon(x):
    return rastrigin(x[:1]) + 2.0 * jnp.sum((x[1:] - x[0] ** 2 / 4.0) ** 2)


def ackley(x):
    funnel = 20.0 - 20.0 * jnp.exp(-0.2 * jnp.sqrt(jnp.mean(x**2)))
    return (funnel + jnp.e - jnp.exp(jnp.mean(jnp.cos(2.0 * jnp.pi * x)))) / 10.0


WEIGHTS = jnp.array([1.5, 0.8, -1.0, 2.0])
INPUTS = jnp.array([-1.6, -0.8, 0.0, 0.8, 1.6])


def network(x):
    output = lambda w: w[0] * jnp.tanh(w[1] * INPUTS) + w[2] * jnp.tanh(w[3] * INPUTS)
    return jnp.mean((output(x) - output(WEIGHTS)) ** 2)


LANDSCAPES = {"rastrigin": (rastrigin, 2), "canyon": (canyon, 3), "ackley": (ackley, 5), "network": (network, 4)}


def hopping(E, x, alpha, sigma, path):
    for t in range(STEPS):
        X = x + sigma * drawn(len(x), t)
        x = softmax(-alpha * np.asarray(E(X))) @ X
        if (t + 1) % EVERY == 0:
            path.append(x.tolist())


def cbo(E, x, alpha, sigma, drift, noise, path):
    X = x + sigma * drawn(len(x), 0)
    for t in range(STEPS):
        away = X - softmax(-alpha * np.asarray(E(X))) @ X
        X = X - drift * away + noise * away * drawn(len(x), t + 1)
        if (t + 1) % EVERY == 0:
            path.append(X.mean(axis=0).tolist())


def proximal(E, x, tau, path):
    slope, bend = jax.jit(jax.grad(E)), jax.jit(jax.hessian(E))
    for t in range(STEPS):
        y = x
        for _ in range(20):
            y = y - np.linalg.solve(np.eye(len(x)) + tau * bend(y), y - x + tau * slope(y))
        assert np.linalg.norm(y - x + tau * slope(y)) < 1e-14
        x = y
        if (t + 1) % EVERY == 0:
            path.append(x.tolist())


cases = []
for name, (E, d) in LANDSCAPES.items():
    swarm = jax.jit(jax.vmap(E))
    start = np.round(2.2 * np.cos(1.3 * np.arange(d)), 3)
    case = {"landscape": name, "start": start.tolist(), "hopping": [], "cbo": [], "proximal": []}
    hopping(swarm, start, 60.0, 0.03, case["hopping"])
    cbo(swarm, start, 30.0, 0.5, 0.04, 0.03, case["cbo"])
    proximal(E, start, 0.01, case["proximal"])
    cases.append(case)
print(json.dumps({"made by": f"scipy {scipy.__version__}, jax {jax.__version__}", "cases": cases}))
