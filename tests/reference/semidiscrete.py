"""Entropic maps and exact plans of POT between samples and atoms, for
crate/wings/transport/src/semidiscrete_entropic_map.rs.

    pip install POT && python semidiscrete.py > semidiscrete.json

The entropic map at fresh points is the barycentric projection of POT's potentials; the exact plan gives each sample its
atom.
"""

import json
import warnings

import numpy as np
import ot
from scipy.special import softmax

warnings.simplefilter("error")
rng = np.random.default_rng(5)
cases = []
for d, n, atoms, epsilon in [(2, 40, 5, 0.05), (10, 64, 4, 0.0375), (1, 30, 3, 0.3)]:
    y = rng.random((atoms, d))
    x = rng.random((n, d))
    fresh = rng.random((25, d))
    counts = rng.multinomial(n - atoms, np.full(atoms, 1 / atoms)) + 1
    b = counts / n
    cost = 0.5 * ot.dist(x, y)
    _, log = ot.sinkhorn(np.full(n, 1 / n), b, cost, epsilon, method="sinkhorn_log", numItermax=1_000_000, stopThr=1e-14,
                         log=True)
    u = log["log_v"] if "log_v" in log else log["logv"]
    weights = softmax(np.ravel(u)[None, :] - 0.5 * ot.dist(fresh, y) / epsilon, axis=1)
    plan = ot.emd(np.full(n, 1 / n), b, cost)
    cases.append({
        "dimension": d, "epsilon": epsilon, "atoms": y.ravel().tolist(), "points": x.ravel().tolist(),
        "b": b.tolist(), "fresh": fresh.ravel().tolist(), "weights": weights.ravel().tolist(),
        "labels": plan.argmax(1).tolist(), "cost": float((plan * cost).sum()),
    })
print(json.dumps({"made by": f"POT {ot.__version__}", "cases": cases}))
