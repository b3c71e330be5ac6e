"""Entropic transport plans of POT, for crate/wings/transport/tests/reference.rs.

    pip install POT && python sinkhorn.py > sinkhorn.json

POT minimises <C, P> + reg sum P (log P - 1); with reg = 1/eta its plan is the exhibit's. Potentials are compared as
alpha_i + beta_j, as a constant may move from one to the other.
"""

import json
import warnings

import numpy as np
import ot

warnings.simplefilter("error")
rng = np.random.default_rng(7)


def clouds(m, n):
    x, y = rng.random((m, 2)), rng.random((n, 2))
    cost = ot.dist(x, y)
    return cost / cost.max()


def masses(n):
    mass = rng.random(n) + 0.1
    return mass / mass.sum()


# The last: masses over five orders of magnitude, costs over three, and a strength at which exp(-eta cost) underflows.
skewed = 10.0 ** rng.uniform(-5, 0, 20)
problems = [
    ("clouds", clouds(20, 25), masses(20), masses(25), 50.0, "sinkhorn_log"),
    ("assignment", rng.random((24, 24)), np.full(24, 1 / 24), np.full(24, 1 / 24), 100.0, "sinkhorn_log"),
    ("sharp clouds", clouds(22, 22), masses(22), masses(22), 300.0, "sinkhorn_stabilized"),
    ("badly scaled", 10.0 ** rng.uniform(-3, 0, (20, 18)), skewed / skewed.sum(), masses(18), 1200.0, "sinkhorn_log"),
]
cases = []
for name, cost, r, c, eta, method in problems:
    plan, log = ot.sinkhorn(r, c, cost, 1 / eta, method=method, numItermax=2_000_000, stopThr=1e-14, log=True, warn=False)
    u = log["log_u"] if "log_u" in log else log["logu"]
    v = log["log_v"] if "log_v" in log else log["logv"]
    violation = np.abs(plan.sum(1) - r).sum() + np.abs(plan.sum(0) - c).sum()
    assert violation < 1e-12, (name, violation)
    cases.append({
        "name": name, "method": method, "eta": eta, "r": r.tolist(), "c": c.tolist(), "cost": cost.ravel().tolist(),
        "plan": plan.ravel().tolist(), "u": np.ravel(u).tolist(), "v": np.ravel(v).tolist(),
    })
print(json.dumps({"made by": f"POT {ot.__version__}", "cases": cases}))
