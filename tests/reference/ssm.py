"""Vectors for the state-space kernels, from SciPy. Run: pip install numpy scipy, then python ssm.py > ssm.json"""

import json

import numpy as np
from scipy.linalg import expm
from scipy.signal import cont2discrete
from scipy.special import eval_legendre

rng = np.random.default_rng(7)


def legs(n):
    root = np.sqrt(2 * np.arange(n) + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(n) + 1.0), root


def exponential(a):
    a = np.asarray(a, float)
    return {"n": len(a), "a": a.ravel().tolist(), "exp": expm(a).ravel().tolist()}


def step(n, delta, method):
    a, b = legs(n)
    ad, bd, *_ = cont2discrete((a, b[:, None], np.zeros((1, n)), np.zeros((1, 1))), delta, method=method)
    return {"n": n, "step": delta, "rule": method, "a": ad.ravel().tolist(), "b": bd.ravel().tolist()}


print(
    json.dumps(
        {
            "expm": [
                exponential([[-49, 24], [-64, 31]]),
                exponential(rng.normal(size=(5, 5))),
                exponential(legs(6)[0] * 0.5),
                exponential(1e-9 * rng.normal(size=(3, 3))),
            ],
            "discrete": [step(4, d, m) for m in ("bilinear", "zoh", "euler") for d in (0.005, 0.2)],
            "legendre": [{"z": z, "p": [float(eval_legendre(n, z)) for n in range(0, 65, 8)]} for z in (-0.97, -0.2, 0.5, 0.999)],
        },
        indent=1,
    )
)
