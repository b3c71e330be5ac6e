"""Vectors for the exhibits of diagonal state spaces, from NumPy and SciPy.

Run: pip install numpy scipy, then python diagonal.py > diagonal.json
"""

import json

import numpy as np
from scipy.linalg import eigh
from scipy.signal import cont2discrete, dlsim

rng = np.random.default_rng(11)


def legs(n):
    root = np.sqrt(2 * np.arange(n) + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(n) + 1.0), root


def s4d_legs(n, index, delta, at):
    """The normal part of LegS by a Hermitian decomposition, its frequencies, and the two-line kernel of one function."""
    a, b = legs(n)
    p = np.sqrt(np.arange(n) + 0.5)
    w, v = eigh(-1j * (a + np.outer(p, p) + 0.5 * np.eye(n)))
    lam, bt, ct = -0.5 + 1j * w, v.conj().T @ b / 2, v[index]
    k = [np.real(np.sum(ct * bt * (np.exp(delta * lam) - 1) / lam * np.exp(l * delta * lam))) for l in at]
    top = [float(x) for x in sorted(w)[::-1][: n // 2]]
    return {"n": n, "index": index, "step": delta, "at": at, "frequencies": top, "kernel": k}


def legs_kernel(index, delta, length):
    """e_index' A^l B of LegS with four states more than it needs, by SciPy's discretisation."""
    a, b = legs(index + 5)
    ad, bd, *_ = cont2discrete((a, b[:, None], np.eye(index + 5), np.zeros((index + 5, 1))), delta, method="zoh")
    x, kernel = bd[:, 0], []
    for _ in range(length):
        kernel.append(x[index])
        x = ad @ x
    return {"index": index, "step": delta, "kernel": kernel}


def perturbed(n, epsilon):
    """C (iw - A - E)^-1 B by dense solves, and the response of the sampled system by dlsim."""
    a, b = legs(n)
    e = rng.normal(size=(n, n))
    e *= epsilon * np.linalg.norm(a, 2) / np.linalg.norm(e, 2)
    c = np.full(n, n**-0.5)
    at = [0.1, 1.0, 5.0, 20.0, 300.0]
    g = [c @ np.linalg.solve(1j * w * np.eye(n) - a - e, b) for w in at]
    values, v = np.linalg.eig(a + e)
    delta, u = 0.02, np.cos(0.3 * np.arange(200)) * np.linspace(0, 1, 200)
    ad, bd, *_ = cont2discrete((a + e, b[:, None], c[None], np.zeros((1, 1))), delta, method="zoh")
    _, y, _ = dlsim((ad, bd, c[None] @ ad, c[None] @ bd, delta), u[:, None])
    return {
        "n": n,
        "norm": np.linalg.norm(a, 2),
        "e": e.ravel().tolist(),
        "at": at,
        "re": np.real(g).tolist(),
        "im": np.imag(g).tolist(),
        "condition": np.linalg.cond(v),
        "abscissa": max(values.real),
        "smallest": [float(np.linalg.svd(1j * w * np.eye(n) - a, compute_uv=False)[-1]) for w in at],
        "step": delta,
        "u": u.tolist(),
        "y": y[::20, 0].tolist(),
    }


def stable(n, delta, length):
    """Real modes 1 - 1/(w^2 + 1/2), b = 1 - mode, read by 1, 1/2, 1/3, ..., by dlsim."""
    m = np.geomspace(1, 2 / delta, n)
    a = 1 - 1 / m
    c = 1 / np.arange(1.0, n + 1)
    u = np.cos(np.arange(length) ** 2.0)
    _, y, _ = dlsim((np.diag(a), (1 - a)[:, None], (c * a)[None], np.array([[c @ (1 - a)]]), 1.0), u[:, None])
    return {"n": n, "step": delta, "u": u.tolist(), "y": y.ravel().tolist()}


def selective(n, delta, s, length):
    """h = exp(-D (k + 1)) h + D u with D = softplus(beta + s (2|u| - 1)), softplus(beta) = delta, read by 1, 1/2, ..."""
    beta = np.log(np.expm1(delta))
    u = rng.uniform(-1, 1, length) * (rng.uniform(size=length) < 0.4)
    h, y = np.zeros(n), []
    for x in u:
        d = np.logaddexp(0, beta + s * (2 * abs(x) - 1))
        h = np.exp(-d * np.arange(1, n + 1)) * h + d * x
        y.append(float(h @ (1 / np.arange(1.0, n + 1))))
    return {"n": n, "step": delta, "s": s, "u": u.tolist(), "y": y}


print(
    json.dumps(
        {
            "s4d": [s4d_legs(n, i, d, [0, 1, 2, 50, 199]) for n, i, d in ((16, 0, 0.02), (33, 3, 0.02), (128, 1, 0.005))],
            "legs": [legs_kernel(i, d, 40) for i, d in ((0, 0.02), (3, 0.1), (7, 0.05))],
            "perturbed": [perturbed(8, 1e-3), perturbed(20, 3e-3)],
            "stable": stable(12, 0.01, 120),
            "selective": selective(10, 0.01, 4.0, 120),
        }
    )
)
