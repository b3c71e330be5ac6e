"""Entropic transport between two images and the potential between Gaussians, for
crate/wings/transport/src/meta_optimal_transport.rs.

    pip install pot && python meta_optimal_transport.py > meta_optimal_transport.json
"""

import json

import numpy as np
import ot

side, epsilon = 12, 0.01
place = (np.arange(side) + 0.5) / side
x, y = np.meshgrid(place, place)
points = np.stack([x.ravel(), y.ravel()], axis=1)


def image(blobs):
    pixels = sum(np.exp(-((points - blob[:2]) ** 2).sum(axis=1) / (2 * blob[2] ** 2)) for blob in blobs)
    return pixels / pixels.sum()


alpha = image([(0.25, 0.25, 0.1), (0.3, 0.7, 0.08), (0.6, 0.2, 0.07)])
beta = image([(0.75, 0.75, 0.09), (0.45, 0.8, 0.07), (0.8, 0.35, 0.1)])
cost = ot.dist(points, points)
plan, log = ot.bregman.sinkhorn_log(alpha, beta, cost, epsilon, stopThr=1e-13, numItermax=20000, log=True)


def moments(masses):
    mean = masses @ points
    centred = points - mean
    return mean, (centred * masses[:, None]).T @ centred


(m1, c1), (m2, c2) = moments(alpha), moments(beta)


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values)) @ vectors.T


half = root(c1)
back = np.linalg.inv(half)
linear = back @ root(half @ c2 @ half) @ back
centred = points - m1
start = (points**2).sum(axis=1) - np.einsum("ni,ij,nj->n", centred, linear, centred) - 2 * points @ m2
start = start - start.mean()

print(
    json.dumps(
        {
            "made by": f"POT {ot.__version__}",
            "epsilon": epsilon,
            "alpha": alpha.tolist(),
            "beta": beta.tolist(),
            "cost": float((plan * cost).sum()),
            "gaussian": np.asarray(start).tolist(),
        }
    )
)
