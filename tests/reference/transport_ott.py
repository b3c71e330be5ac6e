"""Transport by ott-jax, with potentials, and the potentials of POT's exact plans, for crate/kernels/tests/transport.rs.

    pip install ott-jax POT mpmath && python transport_ott.py > transport_ott.json

ott-jax minimises <C, P> + eps sum P (log P - 1) with P = exp((f + g - C) / eps); unbalanced, it takes the updates of f and g
to the power tau = rho / (rho + eps), so its entropy there has no reference measure. Potentials are compared as f_i + g_j.
The cases named "badly scaled" have eps = 1e-4 of the range of the costs.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import mpmath
import numpy as np
import ot
from ott.geometry import costs, geometry
from ott.math import matrix_square_root
from ott.problems.linear import barycenter_problem, linear_problem
from ott.solvers.linear import discrete_barycenter, sinkhorn

rng = np.random.default_rng(23)


def flat(x):
    return np.asarray(x).ravel().tolist()


def clouds(m, n):
    cost = ot.dist(rng.random((m, 2)), rng.random((n, 2)) + 0.2)
    return cost / cost.max()


def masses(n):
    mass = rng.random(n) + 0.1
    return mass / mass.sum()


def solve(cost, a, b, eps, strength, threshold, most=400_000):
    tau = [1.0 if rho is None else rho / (rho + eps) for rho in strength]
    problem = linear_problem.LinearProblem(
        geometry.Geometry(cost_matrix=jnp.asarray(cost), epsilon=eps), jnp.asarray(a), jnp.asarray(b), *tau
    )
    return sinkhorn.Sinkhorn(threshold=threshold, max_iterations=most, inner_iterations=50)(problem)


entropic = []
for name, cost, a, b, eps, strength in [
    ("clouds", clouds(10, 9), masses(10), masses(9), 0.03, (None, None)),
    ("random costs", rng.random((9, 9)), masses(9), masses(9), 0.02, (None, None)),
    ("badly scaled", clouds(7, 8), masses(7), masses(8), 1e-4, (None, None)),
    ("unbalanced", clouds(9, 8), masses(9), 1.4 * masses(8), 0.05, (0.5, 0.5)),
    ("unbalanced, one side held", clouds(8, 10), masses(8), 0.8 * masses(10), 0.03, (None, 0.2)),
    ("unbalanced, badly scaled", clouds(6, 7), masses(6), 1.3 * masses(7), 1e-4, (0.1, 0.2)),
]:
    out = solve(cost, a, b, eps, strength, 1e-13)
    f, g = np.asarray(out.f), np.asarray(out.g)
    # A hundred thousand updates more, to where rounding stops them: ott-jax ends at its threshold.
    tau = [1.0 if rho is None else rho / (rho + eps) for rho in strength]
    lse = ot.backend.NumpyBackend().logsumexp
    start = f[:, None] + g[None, :]
    for _ in range(100_000):
        old = f
        f = tau[0] * (eps * np.log(a) - eps * lse((g[None, :] - cost) / eps, axis=1))
        g = tau[1] * (eps * np.log(b) - eps * lse((f[:, None] - cost) / eps, axis=0))
        if np.abs(f - old).max() < 1e-16:
            break
    drift = np.abs(f[:, None] + g[None, :] - start).max()
    assert drift < 1e-9, (name, drift)
    plan = np.exp((np.asarray(out.f)[:, None] + np.asarray(out.g)[None, :] - cost) / eps)
    entropic.append({
        "name": name, "eta": 1 / eps, "strength": list(strength), "cost": flat(cost), "a": flat(a), "b": flat(b),
        "f": flat(out.f), "g": flat(out.g), "plan": flat(plan),
    })

exact = []
for name, cost, a, b in [
    ("clouds", clouds(9, 8), masses(9), masses(8)),
    ("random costs", rng.random((8, 10)), masses(8), masses(10)),
    ("badly scaled", 10.0 ** rng.uniform(-4, 0, (8, 9)), (s := 10.0 ** rng.uniform(-6, 0, 8)) / s.sum(), masses(9)),
]:
    plan, log = ot.emd(a, b, cost, log=True)
    # The basis is a tree, so that the potentials are one constant from being unique.
    assert np.count_nonzero(plan) == len(a) + len(b) - 1
    exact.append({"name": name, "cost": flat(cost), "a": flat(a), "b": flat(b), "u": flat(log["u"]), "v": flat(log["v"])})

barycentre = []
grid = np.linspace(0, 1, 20)[:, None]
square = ot.dist(grid)
for weights, eps in [([0.5, 0.5], 0.02), ([0.3, 0.7], 0.01), ([0.2, 0.5, 0.3], 0.05)]:
    count = len(weights)
    centres, widths = rng.uniform(0.2, 0.8, count), rng.uniform(0.05, 0.1, count)
    measures = np.exp(-((grid - centres) ** 2) / (2 * widths**2)) + 1e-2
    measures /= measures.sum(0)
    problem = barycenter_problem.FixedBarycenterProblem(
        geometry.Geometry(cost_matrix=jnp.asarray(square), epsilon=eps), jnp.asarray(measures.T), jnp.asarray(weights)
    ) if hasattr(barycenter_problem, "FixedBarycenterProblem") else None
    if problem is None:
        break
    out = discrete_barycenter.FixedBarycenter(threshold=1e-13, max_iterations=100_000)(problem)
    barycentre.append({"eta": 1 / eps, "weights": weights, "measures": flat(measures.T), "masses": flat(out.histogram)})

# Badly scaled: eps = 1e-4 of the range of the costs. POT's logarithmic form must agree.
draw = np.random.default_rng(31)
for weights in [[0.4, 0.6], [0.2, 0.5, 0.3]]:
    count = len(weights)
    centres, widths = draw.uniform(0.2, 0.8, count), draw.uniform(0.05, 0.1, count)
    measures = np.exp(-((grid - centres) ** 2) / (2 * widths**2)) + 1e-2
    measures /= measures.sum(0)
    problem = barycenter_problem.FixedBarycenterProblem(
        geometry.Geometry(cost_matrix=jnp.asarray(square), epsilon=1e-4), jnp.asarray(measures.T), jnp.asarray(weights)
    )
    out = discrete_barycenter.FixedBarycenter(threshold=1e-13, max_iterations=200_000)(problem)
    if count == 2:  # Of three, POT takes minutes.
        theirs = ot.bregman.barycenter(
            measures, square, 1e-4, np.array(weights), method="sinkhorn_log", numItermax=20_000, stopThr=1e-14, warn=False
        )
        assert np.abs(theirs - np.asarray(out.histogram)).max() < 1e-11
    barycentre.append({
        "name": "badly scaled", "eta": 1e4, "weights": weights, "measures": flat(measures.T), "masses": flat(out.histogram),
    })

# Slices of clouds whose axes and masses differ by orders of magnitude.
m, n, d = 14, 11, 3
axes = 10.0 ** np.array([-4, 0, 4])
x, y = draw.normal(size=(m, d)) * axes, draw.normal(size=(n, d)) * axes + axes
a, b = 10.0 ** draw.uniform(-6, 0, m), 10.0 ** draw.uniform(-6, 0, n)
a, b = a / a.sum(), b / b.sum()
directions = ot.sliced.get_random_projections(d, 8, seed=5)
value = ot.sliced_wasserstein_distance(x, y, a, b, projections=directions, p=2)
sliced = [{
    "x": flat(x), "y": flat(y), "a": flat(a), "b": flat(b), "p": 2, "dimension": d, "directions": flat(directions.T),
    "value": float(value),
}]

gaussian = []
for d in [2, 3, 4]:
    means = rng.normal(size=(2, d))
    roots = rng.normal(size=(2, d, d))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)
    points = [costs.mean_and_cov_to_x(jnp.asarray(m), jnp.asarray(s), d) for m, s in zip(means, covariances)]
    value = float(costs.Bures(d)(points[0], points[1]))
    gaussian.append({"dimension": d, "means": flat(means), "covariances": flat(covariances), "squared": value})

# Badly scaled: condition numbers of 1e8, and Gaussians as far apart as a thousand of their deviations. ott-jax's square root is
# Newton and Schulz's, and loses half of the digits at such a condition (costs.Bures hands it its dimension for a threshold, too,
# so that its formula is written out here). Stored are values of 50 digits by mpmath, which ott-jax's must be near.
mpmath.mp.dps = 50
rng = np.random.default_rng(29)
exactly = {"threshold": 1e-15, "max_iterations": 2000, "inner_iterations": 1}


def exact_root(a):
    values, vectors = mpmath.eigsy(a)
    return vectors * mpmath.diag([mpmath.sqrt(value) for value in values]) * vectors.T


for name, d, scale, apart in [("condition 1e8", 3, np.array([1e-4, 1e-2, 1.0]), 1.0), ("far apart", 2, np.ones(2), 1e3)]:
    turns = [np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(2)]
    covariances = np.stack([turn @ np.diag(s**2) @ turn.T for turn, s in zip(turns, [scale, 0.7 * scale[::-1]])])
    covariances = 0.5 * (covariances + covariances.transpose(0, 2, 1))
    means = np.stack([np.zeros(d), np.full(d, apart / np.sqrt(d))])
    weights = [0.3, 0.7]
    a, b = [mpmath.matrix(covariance) for covariance in covariances]
    half = exact_root(a)
    middle = exact_root(half * b * half)
    trace = sum(a[k, k] + b[k, k] - 2 * middle[k, k] for k in range(d))
    squared = float(sum((mpmath.mpf(x) - mpmath.mpf(y)) ** 2 for x, y in zip(*means)) + trace)
    # The barycentre of two lies on the geodesic.
    way = weights[0] * mpmath.eye(d) + weights[1] * (half**-1 * middle * half**-1)
    barycentre_there = np.array((way * a * way).tolist(), dtype=float)
    map_there = np.array((half**-1 * middle * half**-1).tolist(), dtype=float)

    root = lambda matrix: matrix_square_root.sqrtm(matrix, **exactly)[0]
    half = root(jnp.asarray(covariances[0]))
    middle = root(half @ jnp.asarray(covariances[1]) @ half)
    theirs = float(((means[0] - means[1]) ** 2).sum() + np.trace(covariances.sum(0)) - 2 * jnp.trace(middle))
    assert abs(theirs - squared) < 1e-7, (name, theirs, squared)
    points = jnp.stack([costs.mean_and_cov_to_x(jnp.asarray(m), jnp.asarray(s), d) for m, s in zip(means, covariances)])
    found, _ = costs.Bures(d).barycenter(jnp.asarray(weights), points, tolerance=1e-15, sqrtm_kw=exactly)
    assert np.abs(np.asarray(found)[d:].reshape(d, d) - barycentre_there).max() < 1e-4, name
    gaussian.append({
        "name": name, "dimension": d, "means": flat(means), "covariances": flat(covariances), "squared": squared,
        "weights": weights, "barycentre": flat(barycentre_there), "map": flat(map_there),
    })

import ott

print(json.dumps({
    "made by": f"ott-jax {ott.__version__}, POT {ot.__version__}, mpmath {mpmath.__version__}", "entropic": entropic, "exact": exact, "square": flat(square),
    "barycentre": barycentre, "sliced": sliced, "gaussian": gaussian,
}))
