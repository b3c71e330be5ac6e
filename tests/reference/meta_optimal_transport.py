"""Entropic transport between two images by POT, and OTT's Gaussian start, for
crate/wings/transport/src/meta_optimal_transport.rs.

    pip install pot ott-jax && python meta_optimal_transport.py > meta_optimal_transport.json
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import ot
from ott.geometry import pointcloud
from ott.initializers.linear import initializers
from ott.problems.linear import linear_problem

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

cloud = pointcloud.PointCloud(jnp.asarray(points), epsilon=epsilon)
problem = linear_problem.LinearProblem(cloud, jnp.asarray(alpha), jnp.asarray(beta))
start = initializers.GaussianInitializer().init_fu(problem, True)

print(
    json.dumps(
        {
            "made by": f"POT {ot.__version__}, jax {jax.__version__}",
            "epsilon": epsilon,
            "alpha": alpha.tolist(),
            "beta": beta.tolist(),
            "cost": float((plan * cost).sum()),
            "gaussian": np.asarray(start).tolist(),
        }
    )
)
