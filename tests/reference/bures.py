"""Bures-Wasserstein distances of POT, and gradients of deep linear networks by JAX, for
crate/wings/transport/src/bures_deep_linear.rs.

    pip install POT jax && python bures.py > bures.json

JAX differentiates the smoothed loss by way of the eigenvalues of root (W W' + tau I) root; no formula for the gradient
is used.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import ot

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(11)


def product(layers):
    result = layers[0]
    for layer in layers[1:]:
        result = layer @ result
    return result


def smoothed(layers, eigenvalues, tau):
    w = product(layers)
    covariance = w @ w.T + tau * jnp.eye(len(eigenvalues))
    root = jnp.sqrt(eigenvalues)
    values = jnp.linalg.eigvalsh(root[:, None] * covariance * root[None, :])
    return jnp.trace(covariance) + eigenvalues.sum() - 2 * jnp.sqrt(values).sum()


def square(layers, eigenvalues, tau):
    w = product(layers)
    return 0.25 * ((w @ w.T - jnp.diag(eigenvalues)) ** 2).sum()


cases = []
for n, rank, depth, tau in [(6, 3, 3, 1e-3), (6, 6, 2, 0.1), (4, 2, 4, 1e-2), (5, 1, 1, 1e-2)]:
    eigenvalues = np.sort(rng.uniform(0.1, 4, n))[::-1].copy()
    layers = [rng.standard_normal((n if i == depth - 1 else rank, rank)) for i in range(depth)]
    w = product(layers)
    zero = np.zeros(n)
    # Of the smoothed covariance: POT's root of a singular one is NaN where an eigenvalue is rounded below zero.
    smooth = w @ w.T + tau * np.eye(n)
    distance = ot.gaussian.bures_wasserstein_distance(zero, zero, smooth, np.diag(eigenvalues))
    gradients = [jax.grad(loss)([jnp.asarray(layer) for layer in layers], jnp.asarray(eigenvalues), tau)
                 for loss in (smoothed, square)]
    flat = lambda matrices: [np.asarray(matrix).ravel().tolist() for matrix in matrices]
    cases.append({
        "rank": rank, "tau": tau, "eigenvalues": eigenvalues.tolist(), "layers": flat(layers),
        "distance": float(distance) ** 2, "bures": flat(gradients[0]), "square": flat(gradients[1]),
    })
print(json.dumps({"made by": f"POT {ot.__version__}, JAX {jax.__version__}", "cases": cases}))
