"""Target-based surrogates after Lavington, Vaswani and others in NumPy, for crate/wings/optimizers/src/target_surrogate_sso.rs.

    pip install numpy && python target_surrogate.py > target_surrogate.json

The surrogate is kept as the paper writes it, in the targets z = X theta, whose rows are all multiplied again at every inner
step; its exact minimiser is NumPy's least squares. 200 calls each, of which every fortieth is kept.
"""

import json

import numpy as np

CALLS, EVERY = 200, 40
DT, EXPERT, FAR, ROLLOUT = 0.1, np.array([-1.0, -1.5]), 20.0, 20


def entries(*shape):
    k = np.arange(np.prod(shape), dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 3).reshape(shape)


def logistic(z, b):
    return np.mean(np.log1p(np.exp(-b * z))), -b / (1.0 + np.exp(b * z)) / len(z), 0.25 / len(z)


def square(z, b):
    return np.mean((z - b) ** 2) / 2.0, (z - b) / len(z), 1.0 / len(z)


def call(loss, X, b, theta, eta_l, solver, m):
    z = X @ theta
    value, slope, smooth = loss(z, b)
    eta = eta_l / smooth
    g = lambda omega: value + slope @ (X @ omega - z) + np.sum((X @ omega - z) ** 2) / (2.0 * eta)
    by_omega = lambda omega: X.T @ (slope + (X @ omega - z) / eta)
    if solver == "exact":
        return theta + np.linalg.lstsq(X, -eta * slope, rcond=None)[0]
    omega, norm = theta, np.linalg.norm(X, 2) ** 2
    for _ in range(m):
        d = by_omega(omega)
        step = eta / norm
        if solver == "armijo":
            step *= 10.0
            while g(omega - step * d) > g(omega) - 0.1 * step * (d @ d):
                step /= 2.0
        omega = omega - step * d
    return omega


def carts(begins, policy):
    rows, b = [], []
    for position, velocity in begins:
        for _ in range(ROLLOUT):
            state = np.array([position, velocity])
            rows.append(state)
            b.append(EXPERT @ state)
            position = np.clip(position + DT * velocity, -FAR, FAR)
            velocity = np.clip(velocity + DT * (policy @ state), -FAR, FAR)
    return np.array(rows), np.array(b)


X = np.round(entries(60, 10) * np.geomspace(1.0, 0.1, 10), 4)
b = np.where(X @ np.linspace(-3.0, 8.0, 10) + 0.6 * np.cos(2.9 * np.arange(60)) > 0.0, 1.0, -1.0)
begins = np.round(2.0 * entries(20, 2), 3)


def run(task, solver, m, eta_l, batch):
    theta, path = np.zeros(10 if task == "logistic" else 2), []
    for t in range(CALLS):
        if task == "logistic":
            rows = (11 * t + 7 * np.arange(batch)) % 60
            eta = eta_l / np.sqrt(t + 1.0) if batch < 60 else eta_l
            theta = call(logistic, X[rows], b[rows], theta, eta, solver, m)
        else:
            theta = call(square, *carts(begins, theta), theta, eta_l, solver, m)
        if (t + 1) % EVERY == 0:
            path.append(theta.tolist())
    return {"task": task, "solver": solver, "steps": m, "eta": eta_l, "batch": batch, "path": path}


cases = [
    run("logistic", "fixed", 1, 1.0, 60),
    run("logistic", "fixed", 20, 1.0, 60),
    run("logistic", "armijo", 3, 1.0, 60),
    run("logistic", "exact", 1, 0.2, 60),
    run("logistic", "exact", 1, 1.0, 7),
    run("logistic", "exact", 1, 0.7, 25),
    run("imitation", "fixed", 2, 0.1, 400),
    run("imitation", "exact", 1, 0.05, 400),
]
data = {"x": X.ravel().tolist(), "b": b.tolist(), "norm": np.linalg.norm(X, 2) ** 2, "begins": begins.tolist()}
print(json.dumps({"made by": f"numpy {np.__version__}"} | data | {"cases": cases}))
