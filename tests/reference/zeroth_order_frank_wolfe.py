"""The gradient-free Frank-Wolfe method of Sahu, Zaheer and Kar in NumPy, for
crate/wings/optimizers/src/zeroth_order_frank_wolfe.rs.

    pip install numpy scipy && python zeroth_order_frank_wolfe.py > zeroth_order_frank_wolfe.json

Two values of F are differenced as the paper says, in long double, so that nothing is lost; the nuclear ball's vertex comes
from a whole singular value decomposition, projections from a root finder. Directions and noise follow a formula:
z_i = sqrt(3) (2 u - 1) with u = ((a + 37 i + 101 t + 59 i t) mod 997) / 996. 240 steps; every thirtieth point is kept.
"""

import json

import numpy as np
import scipy
from scipy.optimize import brentq

STEPS, EVERY = 240, 30


def drawn(a, d, t):
    i = np.arange(d)
    return np.sqrt(3.0) * (2.0 * (((a + 37 * i + 101 * t + 59 * i * t) % 997) / 996.0) - 1.0)


def vertex(ball, d):
    n = len(d)
    if ball == "l1":
        k = np.argmax(np.abs(d))
        return -np.sign(d[k]) * np.eye(n)[k]
    if ball == "simplex":
        return np.eye(n)[np.argmin(d)]
    if ball == "linf":
        return np.where(d > 0.0, -1.0, 1.0) / np.sqrt(n)
    side = round(np.sqrt(n))
    u, _, vt = np.linalg.svd(d.reshape(side, side))
    return -np.outer(u[:, 0], vt[0]).ravel()


def onto_simplex(x):
    tau = brentq(lambda tau: np.maximum(x - tau, 0.0).sum() - 1.0, x.min() - 1.0, x.max(), xtol=1e-16, rtol=1e-15)
    support = x > tau
    return np.where(support, x - (x[support].sum() - 1.0) / support.sum(), 0.0)


def project(ball, x):
    if ball == "linf":
        return np.clip(x, -1.0 / np.sqrt(len(x)), 1.0 / np.sqrt(len(x)))
    if ball == "simplex":
        return onto_simplex(x)
    return x if np.abs(x).sum() <= 1.0 else np.sign(x) * onto_simplex(np.abs(x))


def run(f, gradient, d, ball, estimator, kind, m, noise, smooth):
    """`kind`: averaged (the paper's), plain (rho = 1), projected, or first (with the gradient)."""
    x = vertex(ball, -np.eye(d)[0])
    average, path = np.zeros(d), []
    for t in range(STEPS):
        xi = noise * drawn(11, d, t)
        F = lambda y: f(y) + xi.astype(np.longdouble) @ y
        wide = x.astype(np.longdouble)
        slope = lambda z, c: float((F(wide + np.longdouble(c) * z) - F(wide)) / np.longdouble(c))
        spread = 1.0
        if kind == "first" or estimator == "exact":
            estimate = gradient(x) + xi
        elif estimator == "kwsa":
            c = 2.0 / (d**0.5 * (t + 8.0) ** (1 / 3))
            estimate = np.array([slope(e, c) for e in np.eye(d)])
        else:
            count = m if estimator == "i-rdsa" else 1
            spread = 1.0 + d / m if estimator == "i-rdsa" else d
            c = 2.0 * count**0.5 / (d**1.5 * (t + 8.0) ** (1 / 3))
            zs = [drawn(101 * (j + 2), d, t) for j in range(count)]
            estimate = np.mean([slope(z, c) * z for z in zs], axis=0)
        if kind == "projected":
            x = project(ball, x - estimate / (smooth * np.sqrt(spread * (t + spread))))
        else:
            rho = 1.0 if kind == "plain" else min(1.0, 4.0 / (spread ** (1 / 3) * (t + 8.0) ** (2 / 3)))
            average = (1.0 - rho) * average + rho * estimate
            gamma = 2.0 / (t + 9.0)
            x = (1.0 - gamma) * x + gamma * vertex(ball, average)
        if (t + 1) % EVERY == 0:
            path.append(x.tolist())
    return path


def entries(*shape):
    k = np.arange(np.prod(shape), dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 3).reshape(shape)


D = 9
A = 1.5 * entries(20, D)
H = A.T @ A / 20
solution = np.array([0.5, 0.0, -0.3, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0])
signs = np.where(A @ solution + 0.2 * np.cos(np.arange(20.0)) > 0.0, 1.0, -1.0)


def quadratic(x):
    y = x - solution
    return y @ H.astype(np.longdouble) @ y / 2


def logistic(x):
    return np.mean(np.log1p(np.exp(-signs * (A.astype(np.longdouble) @ x))))


PROBLEMS = {
    "quadratic": (quadratic, lambda x: H @ (x - solution), np.linalg.eigvalsh(H)[-1]),
    "logistic": (logistic, lambda x: -A.T @ (signs / (1 + np.exp(signs * (A @ x)))) / 20, np.linalg.eigvalsh(H)[-1] / 4),
}
cases = []
for problem, ball, estimator, kind, m in [
    ("quadratic", "l1", "rdsa", "averaged", 1),
    ("quadratic", "l1", "rdsa", "plain", 1),
    ("quadratic", "l1", "rdsa", "projected", 1),
    ("quadratic", "l1", "rdsa", "first", 1),
    ("quadratic", "simplex", "i-rdsa", "averaged", 3),
    ("quadratic", "simplex", "i-rdsa", "projected", 3),
    ("quadratic", "linf", "kwsa", "averaged", 1),
    ("quadratic", "linf", "kwsa", "projected", 1),
    ("quadratic", "nuclear", "rdsa", "averaged", 1),
    ("logistic", "l1", "rdsa", "averaged", 1),
    ("logistic", "linf", "i-rdsa", "averaged", 2),
    ("logistic", "simplex", "kwsa", "averaged", 1),
]:
    f, gradient, smooth = PROBLEMS[problem]
    path = run(f, gradient, D, ball, estimator, kind, m, 0.05, smooth)
    names = {"problem": problem, "ball": ball, "estimator": estimator, "kind": kind, "directions": m}
    cases.append(names | {"noise": 0.05, "smoothness": smooth, "path": path})
made = f"numpy {np.__version__}, scipy {scipy.__version__}"
data = {"a": A.ravel().tolist(), "solution": solution.tolist(), "signs": signs.tolist()}
print(json.dumps({"made by": made, "cases": cases} | data))
