"""Transport by POT and SciPy, for crate/kernels/tests/transport.rs.

    pip install POT scipy && python transport.py > transport.json

Plans of the entropic problems are exp(u + v - cost / eps), with the entropy sum P (log P - 1) if balanced and KL(P | a b^T)
if unbalanced; eps is stored as eta = 1 / eps. The cases named "badly scaled" have eps = 1e-4 of the range of the costs.
"""

import json
import warnings

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment

warnings.simplefilter("error")
# POT also returns exp(potential), which overflows where the problem is badly scaled; it is not used here.
np.seterr(over="ignore")
rng = np.random.default_rng(11)


def flat(x):
    return np.asarray(x).ravel().tolist()


def clouds(m, n, dimension=2):
    cost = ot.dist(rng.random((m, dimension)), rng.random((n, dimension)) + 0.2)
    return cost / cost.max()


def masses(n, zeros=0):
    mass = rng.random(n) + 0.1
    mass[rng.choice(n, zeros, replace=False)] = 0
    return mass / mass.sum()


def violation(plan, a, b):
    return np.abs(plan.sum(1) - a).sum() + np.abs(plan.sum(0) - b).sum()


balanced = []
for name, cost, a, b, eta in [
    ("clouds", clouds(12, 10), masses(12), masses(10), 40.0),
    ("zero masses", clouds(9, 12), masses(9, 2), masses(12, 3), 30.0),
    ("random costs", rng.random((11, 11)), masses(11), masses(11), 100.0),
    ("badly scaled", clouds(8, 9), masses(8), masses(9), 1e4),
]:
    # POT takes logarithms of masses, so the zeros are left out and put back.
    i, j = np.flatnonzero(a), np.flatnonzero(b)
    part, log = ot.sinkhorn(
        a[i], b[j], cost[np.ix_(i, j)], 1 / eta, method="sinkhorn_log", numItermax=400_000,
        stopThr=1e-15 if eta < 1000 else 1e-12, log=True, warn=False,
    )
    plan = np.zeros_like(cost)
    plan[np.ix_(i, j)] = part
    assert violation(plan, a, b) < 2e-12 * max(1, eta / 1000), (name, violation(plan, a, b))
    balanced.append({"name": name, "eta": eta, "cost": flat(cost), "a": flat(a), "b": flat(b), "plan": flat(plan)})

unbalanced = []
for name, cost, a, b, eta, strength, method in [
    ("clouds", clouds(10, 9), masses(10), 1.5 * masses(9), 20.0, (0.5, 0.5), "sinkhorn"),
    ("one side held", clouds(9, 11), masses(9), 0.7 * masses(11), 30.0, (float("inf"), 0.2), "sinkhorn"),
    ("weakly held", rng.random((8, 8)), masses(8), 2 * masses(8), 50.0, (0.05, 0.1), "sinkhorn"),
    ("badly scaled", 0.02 * clouds(8, 7), masses(8), 1.2 * masses(7), 5e5, (0.002, 0.004), None),
]:
    if method:
        plan = ot.unbalanced.sinkhorn_unbalanced(
            a, b, cost, 1 / eta, strength, method=method, reg_type="kl", numItermax=200_000, stopThr=1e-16
        )
    else:
        # POT's own kernels underflow here; its half-updates, in the log domain and in the same order.
        logs = np.log(a)[:, None] + np.log(b)[None, :] - eta * cost
        u, v = np.zeros(len(a)), np.zeros(len(b))
        powers = [rho / (rho + 1 / eta) for rho in strength]
        logsumexp = ot.backend.NumpyBackend().logsumexp
        for _ in range(200_000):
            old = u
            u = powers[0] * (np.log(a) - logsumexp(logs + v, axis=1))
            v = powers[1] * (np.log(b) - logsumexp(logs + u[:, None], axis=0))
            if np.abs(u - old).max() < 1e-11:
                break
        else:
            raise RuntimeError(name)
        plan = np.exp(u[:, None] + v[None, :] + logs)
    unbalanced.append({
        "name": name, "eta": eta, "strength": [None if np.isinf(rho) else rho for rho in strength],
        "cost": flat(cost), "a": flat(a), "b": flat(b), "plan": flat(plan),
    })

exact = []
for name, cost, a, b in [
    ("clouds", clouds(14, 11), masses(14), masses(11)),
    ("zero masses", rng.random((10, 12)), masses(10, 3), masses(12, 2)),
    ("equal masses", rng.random((12, 12)), np.full(12, 1 / 12), np.full(12, 1 / 12)),
    ("badly scaled", 10.0 ** rng.uniform(-4, 0, (9, 10)), (s := 10.0 ** rng.uniform(-6, 0, 9)) / s.sum(), masses(10)),
]:
    plan = ot.emd(a, b, cost)
    exact.append({"name": name, "cost": flat(cost), "a": flat(a), "b": flat(b), "plan": flat(plan), "value": float((plan * cost).sum())})

assignment = []
for m, n in [(12, 12), (7, 13), (1, 4)]:
    cost = rng.normal(size=(m, n))
    rows, columns = linear_sum_assignment(cost)
    assignment.append({"cost": flat(cost), "n": n, "columns": columns.tolist()})

line = []
for m, n, p in [(9, 12, 1.0), (10, 10, 2.0), (15, 4, 3.5)]:
    x, y, a, b = rng.normal(size=m), rng.normal(size=n) + 0.5, masses(m), masses(n)
    line.append({"x": flat(x), "y": flat(y), "a": flat(a), "b": flat(b), "p": p, "value": float(ot.wasserstein_1d(x, y, a, b, p=p))})

sliced = []
for m, n, d, count, p in [(20, 20, 2, 12, 2), (12, 17, 3, 8, 1), (10, 6, 5, 5, 3)]:
    x, y, a, b = rng.normal(size=(m, d)), rng.normal(size=(n, d)) * 0.5 + 1, masses(m), masses(n)
    directions = ot.sliced.get_random_projections(d, count, seed=3)
    value = ot.sliced_wasserstein_distance(x, y, a, b, projections=directions, p=p)
    sliced.append({
        "x": flat(x), "y": flat(y), "a": flat(a), "b": flat(b), "p": p, "dimension": d,
        "directions": flat(directions.T), "value": float(value),
    })

barycentre = []
grid = np.linspace(0, 1, 24)[:, None]
square = ot.dist(grid)
for name, count, weights, eta in [
    ("two", 2, [0.5, 0.5], 50.0), ("three", 3, [0.2, 0.5, 0.3], 100.0), ("five", 5, [0.1, 0.3, 0.2, 0.1, 0.3], 20.0),
    ("badly scaled", 2, [0.6, 0.4], 1e4),
]:
    centres, widths = rng.uniform(0.2, 0.8, count), rng.uniform(0.02, 0.1, count)
    measures = np.exp(-((grid - centres) ** 2) / (2 * widths**2)) + 1e-3
    measures /= measures.sum(0)
    result, log = ot.bregman.barycenter(
        measures, square, 1 / eta, np.array(weights), method="sinkhorn_log", numItermax=100_000, stopThr=1e-14,
        log=True, warn=False,
    )
    barycentre.append({"name": name, "eta": eta, "weights": weights, "measures": flat(measures.T), "masses": flat(result)})

gaussian = []
for d, count in [(1, 2), (2, 3), (5, 4)]:
    means = rng.normal(size=(count, d))
    roots = rng.normal(size=(count, d, d)) * 10.0 ** rng.uniform(-1, 0, (count, 1, d))
    covariances = roots @ roots.transpose(0, 2, 1) + 1e-3 * np.eye(d)
    weights = masses(count)
    a, b = ot.gaussian.bures_wasserstein_mapping(means[0], means[1], covariances[0], covariances[1])
    mean, covariance = ot.gaussian.bures_wasserstein_barycenter(
        means, covariances, weights, method="fixed_point", num_iter=10_000, eps=1e-14
    )
    gaussian.append({
        "means": flat(means), "covariances": flat(covariances), "weights": flat(weights), "dimension": d,
        "distance": float(ot.gaussian.bures_wasserstein_distance(means[0], means[1], covariances[0], covariances[1])),
        "map": flat(a), "mean": flat(mean), "covariance": flat(covariance),
    })

print(json.dumps({
    "made by": f"POT {ot.__version__}", "balanced": balanced, "unbalanced": unbalanced, "exact": exact, "assignment": assignment,
    "line": line, "sliced": sliced, "square": flat(square), "barycentre": barycentre, "gaussian": gaussian,
}))
