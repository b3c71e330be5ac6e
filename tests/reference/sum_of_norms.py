"""Class-regularised transport plans, for crate/wings/transport/src/sum_of_norms_ot.rs: the sum of norms by CVXPY (Clarabel), the
baselines by POT.

    pip install POT cvxpy && python sum_of_norms.py > sum_of_norms.json
"""

import json

import cvxpy as cp
import numpy as np
import ot

rng = np.random.default_rng(3)
cases = []
for classes, size, spread, strength in [(2, 4, 0.3, 0.02), (3, 3, 0.8, 0.02), (2, 5, 0.9, 0.003)]:
    labels = np.repeat(np.arange(classes), size)
    n = len(labels)
    angle = 2 * np.pi * labels / classes
    centres = 1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = centres + spread * rng.standard_normal((n, 2))
    y = centres + [0.9, 0.5] + spread * rng.standard_normal((n, 2))
    cost = ot.dist(x, y)
    cost = cost / cost.max()
    mass = np.full(n, 1 / n)
    plan = cp.Variable((n, n), nonneg=True)
    pairs = [(l, k) for l in range(n) for k in range(l + 1, n)]
    norms = sum(cp.norm(plan[l] - plan[k]) + cp.norm(plan[:, l] - plan[:, k]) for l, k in pairs)
    problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(cost, plan)) + strength * norms),
                         [cp.sum(plan, axis=1) == mass, cp.sum(plan, axis=0) == mass])
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    sinkhorn = ot.sinkhorn(mass, mass, cost, 0.01, method="sinkhorn_log", numItermax=100_000, stopThr=1e-12)
    group = ot.da.sinkhorn_l1l2_gl(mass, labels, mass, cost, 0.01, eta=0.05, numItermax=2000, numInnerItermax=100_000,
                                   stopInnerThr=1e-13)
    norms = sum(np.linalg.norm(group[labels == c, j]) for c in range(classes) for j in range(n))
    objective = (cost * group).sum() + 0.01 * (group * np.log(group)).sum() + 0.05 * norms
    cases.append({
        "labels": labels.tolist(), "cost": cost.ravel().tolist(), "lambda": strength, "objective": float(problem.value),
        "plan": plan.value.ravel().tolist(), "emd": float(ot.emd2(mass, mass, cost)), "sinkhorn": sinkhorn.ravel().tolist(),
        "group": float(objective),
    })
print(json.dumps({"made by": f"CVXPY {cp.__version__}, POT {ot.__version__}", "cases": cases}))
