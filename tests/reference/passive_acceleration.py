"""Accelerated methods in the forms of their papers, and the flow, for crate/wings/optimizers/src/passive_acceleration.rs.

    pip install "jax[cpu]" scipy && python passive_acceleration.py > passive_acceleration.json

The methods are written as Nesterov, Polyak, and Van Scoy, Freeman and Lynch have them. The flow is not the second-order
equation: its once integrated form x' = -alpha f'(x) + exp(-beta t) psi(0) is solved by SciPy's DOP853 to 1e-13. 200 steps, of
which every tenth is kept up to the hundredth and the last; the flow at twenty times.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import scipy
from scipy.integrate import solve_ivp

KEPT = [*range(10, 101, 10), 200]
EXAMPLES = np.array(
    [[2.0, 1.0], [1.5, -0.5], [-0.7, 0.4], [1.0, 0.9], [0.3, -0.8], [2.2, 0.2], [-1.0, -0.3], [0.6, 0.7]]
)
KAPPA = 25.0


def pieces(x):
    """The slope of Lessard, Recht and Packard's function."""
    x = x[0]
    return np.array([25.0 * x if x < 1.0 else x + 24.0 if x < 2.0 else 25.0 * x - 24.0])


def loss(x):
    return jnp.mean(jnp.log1p(jnp.exp(-EXAMPLES @ x)))


# At zero the loss is bent most; the ridge makes the condition number kappa there.
steepest = float(np.linalg.eigvalsh(jax.hessian(loss)(jnp.zeros(2)))[-1])
RIDGE = steepest / (KAPPA - 1.0)
logistic = jax.jit(jax.grad(lambda x: loss(x) + RIDGE / 2.0 * jnp.sum(x**2)))
steep = np.array([np.cos(np.pi * 25 / 180), np.sin(np.pi * 25 / 180)])
flat = np.array([-steep[1], steep[0]])
CENTRE = np.array([0.7, -0.4])
A = KAPPA * np.outer(steep, steep) + np.outer(flat, flat)
PROBLEMS = {
    # For constants that fit exactly some methods stop at zero at once.
    "pieces": (pieces, 0.8, 27.0, np.array([3.3])),
    "quadratic": (lambda x: A @ (x - CENTRE), 1.0, KAPPA, np.array([-3.0, 2.5])),
    "logistic": (lambda x: np.asarray(logistic(x)), RIDGE, steepest + RIDGE, np.array([-3.0, 2.5])),
}


def nesterov(df, m, L, x):
    """y = x + theta (x - x'), x+ = y - f'(y) / L."""
    q, before = np.sqrt(m / L), x
    while True:
        y = x + (1.0 - q) / (1.0 + q) * (x - before)
        x, before = y - df(y) / L, x
        yield x


def triple(df, m, L, x):
    rho, before = 1.0 - np.sqrt(m / L), x
    alpha, beta, gamma = (1.0 + rho) / L, rho**2 / (2.0 - rho), rho**2 / ((1.0 + rho) * (2.0 - rho))
    while True:
        y = (1.0 + gamma) * x - gamma * before
        x, before = (1.0 + beta) * x - beta * before - alpha * df(y), x
        yield x


def ball(df, m, L, x):
    alpha, beta = (2.0 / (np.sqrt(L) + np.sqrt(m))) ** 2, ((np.sqrt(L / m) - 1.0) / (np.sqrt(L / m) + 1.0)) ** 2
    before = x
    while True:
        x, before = x - alpha * df(x) + beta * (x - before), x
        yield x


def descent(df, m, L, x):
    while True:
        x = x - df(x) / L
        yield x


cases = []
for name, (df, m, L, start) in PROBLEMS.items():
    paths = {}
    for rule in [nesterov, triple, ball, descent]:
        points = [point.tolist() for point, _ in zip(rule(df, m, L, start), range(200))]
        paths[rule.__name__] = [points[k - 1] for k in KEPT]
    case = {"problem": name, "m": m, "l": L, "start": start.tolist(), "kept": KEPT, "paths": paths}
    if name != "pieces":
        alpha, beta, v0 = 0.2, 2.0, np.array([1.5, -0.5])
        psi = v0 + alpha * df(start)
        times = 0.2 * np.arange(1, 21)
        right = lambda t, x: -alpha * df(x) + np.exp(-beta * t) * psi
        flow = solve_ivp(right, (0.0, 4.0), start, "DOP853", times, rtol=1e-13, atol=1e-14)
        case |= {"alpha": alpha, "beta": beta, "velocity": v0.tolist(), "times": times.tolist(), "flow": flow.y.T.tolist()}
    cases.append(case)
print(json.dumps({"made by": f"scipy {scipy.__version__}, jax {jax.__version__}", "cases": cases}))
