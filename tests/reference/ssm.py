"""Vectors for the state-space kernels, from SciPy and mpmath.

Run: pip install numpy scipy mpmath, then python ssm.py > ssm.json
"""

import json

import mpmath as mp
import numpy as np
from scipy.linalg import expm
from scipy.signal import cont2discrete, dlsim
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


def legt(n):
    """The window is [0, 1]: twice the rates of the public S4 code, whose window is [0, 2]."""
    root = np.sqrt(2 * np.arange(n) + 1)
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    return -np.outer(root, root) * np.where(i < j, (-1.0) ** (j - i), 1), root


def fout(n):
    """Odd n: the public S4 code's matrices of size n + 1 without the sine of frequency zero, twice its rates."""
    size = n + 1
    d = np.stack([np.zeros(size // 2), np.arange(size // 2)], axis=-1).reshape(-1)[1:]
    b = np.zeros(size)
    b[0::2] = np.sqrt(2)
    b[0] = 1
    a = np.pi * (np.diag(d, -1) - np.diag(d, 1)) - np.outer(b, b)
    keep = [0, *range(2, size)]
    return 2 * a[np.ix_(keep, keep)], 2 * b[keep]


def hippo(name, n):
    a, b = {"legs": legs, "legt": legt, "fout": fout}[name](n)
    return {"name": name, "n": n, "a": a.ravel().tolist(), "b": b.tolist()}


def signal(length):
    k = np.arange(length)
    return np.cos((k * k).astype(float))


def response(name, n, delta, method, length=60):
    """The output after each input: x_k = A x_{k-1} + B u_k, y_k = C x_k with C = 1, 1/2, 1/3, ..."""
    a, b = {"legs": legs, "legt": legt, "fout": fout}[name](n)
    c = 1 / np.arange(1.0, n + 1)[None]
    ad, bd, *_ = cont2discrete((a, b[:, None], c, np.zeros((1, 1))), delta, method=method)
    _, y, _ = dlsim((ad, bd, c @ ad, c @ bd, delta), signal(length)[:, None])
    return {"name": name, "n": n, "step": delta, "rule": method, "y": y.ravel().tolist()}


def s4d(name, modes, delta, rule):
    """K_l = 2 Re sum_n C_n b_n a_n^l with C_n = 1 / (1 + n) + i n / 10, at some l, powers through the exponential."""
    n = np.arange(modes)
    size = 2 * modes
    a = -0.5 + 1j * (np.pi * n if name == "lin" else size / np.pi * (size / (2 * n + 1) - 1))
    b = np.ones(modes)
    if name == "real":
        a, b = -(n + 1.0 + 0j), np.full(modes, 0.5)
    c = 1 / (1 + n) + 0.1j * n
    if rule == "zoh":
        z, b = delta * a, b * (np.exp(delta * a) - 1) / a
    else:
        z, b = np.log((1 + delta * a / 2) / (1 - delta * a / 2)), delta * b / (1 - delta * a / 2)
    at = [0, 1, 2, 3, 127, 128, 129, 1000, 16383]
    kernel = [2 * np.real(np.sum(c * b * np.exp(z * k))) for k in at]
    return {"name": name, "modes": modes, "step": delta, "rule": rule, "at": at, "kernel": kernel}


def s4(n, delta, length):
    """C A^l B of the bilinear LegS in fifty digits, C = 1, 1/2, 1/3, ..."""
    with mp.workdps(50):
        root = [mp.sqrt(2 * i + 1) for i in range(n)]
        entry = lambda i, j: -root[i] * root[j] if i > j else -mp.mpf(i + 1) if i == j else mp.mpf(0)
        a = mp.matrix(n, n)
        for i in range(n):
            for j in range(n):
                a[i, j] = entry(i, j) * mp.mpf(delta) / 2
        solve = (mp.eye(n) - a) ** -1
        ad, x = solve * (mp.eye(n) + a), solve * mp.matrix(root) * mp.mpf(delta)
        kernel = []
        for _ in range(length):
            kernel.append(float(mp.fsum(x[i] / (i + 1) for i in range(n))))
            x = ad * x
    return {"n": n, "step": delta, "kernel": kernel}


def normal(n):
    """Eigenvalues and transfer function of (A + P P', B / 2), read flat."""
    a, b = legs(n)
    p = np.sqrt(np.arange(n) + 0.5)
    a = a + np.outer(p, p)
    frequencies = np.linalg.eigvalsh(-1j * (a + 0.5 * np.eye(n)))
    at = [0.1, 1.0, 7.0, 30.0, 400.0]
    transfer = [np.full(n, n**-0.5) @ np.linalg.solve(1j * w * np.eye(n) - a, b / 2) for w in at]
    parts = {"re": np.real(transfer).tolist(), "im": np.imag(transfer).tolist()}
    return {"n": n, "frequencies": frequencies.tolist(), "at": at, **parts}


def selective(length, channels, n):
    """Mamba's recurrence, step by step; its gradient by complex steps, exact to rounding."""
    parts = {
        "a": -rng.uniform(0.1, 3, (channels, n)),
        "skip": rng.normal(size=channels),
        "x": rng.normal(size=(length, channels)),
        "delta": rng.uniform(0.01, 1, (length, channels)),
        "b": rng.normal(size=(length, n)),
        "c": rng.normal(size=(length, n)),
    }

    def scan(a, skip, x, delta, b, c):
        h, y = np.zeros((channels, n)), []
        for t in range(length):
            h = np.exp(delta[t][:, None] * a) * h + (delta[t] * x[t])[:, None] * b[t]
            y.append(h @ c[t] + skip * x[t])
        return np.array(y)

    dy = rng.normal(size=(length, channels))
    gradient = {}
    for name, part in parts.items():
        slopes = np.zeros(part.shape)
        for index in np.ndindex(part.shape):
            moved = part.astype(complex)
            moved[index] += 1e-30j
            slopes[index] = np.sum(dy * scan(**{**parts, name: moved}).imag) / 1e-30
        gradient[name] = slopes.ravel().tolist()
    flat = {name: part.ravel().tolist() for name, part in parts.items()}
    return {**flat, "y": scan(**parts).ravel().tolist(), "dy": dy.ravel().tolist(), "gradient": gradient}


def hankel(length, count):
    """Principal eigenpairs of 2 / ((i + j)^3 - (i + j)) in eighty digits."""
    with mp.workdps(80):
        z = mp.matrix(length, length)
        for i in range(length):
            for j in range(length):
                k = mp.mpf(i + j + 2)
                z[i, j] = 2 / (k**3 - k)
        values, vectors = mp.eigsy(z)
        order = sorted(range(length), key=lambda i: -values[i])[:count]
        filters = [[float(vectors[i, k] * mp.sign(vectors[0, k])) for i in range(length)] for k in order]
        return {"length": length, "values": [float(values[k]) for k in order], "filters": filters}


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
            "hippo": [hippo(name, n) for name, n in (("legs", 6), ("legt", 6), ("fout", 7))],
            "responses": [
                response(name, n, delta, method)
                for name, n, delta in (("legs", 8, 0.05), ("legt", 12, 0.01), ("fout", 9, 0.02))
                for method in ("bilinear", "zoh")
            ],
            "s4d": [s4d(name, 32, 0.004, rule) for name in ("lin", "inv", "real") for rule in ("bilinear", "zoh")],
            "s4": [s4(n, delta, length) for n, delta, length in ((4, 0.2, 9), (16, 0.02, 40))],
            "normal": [normal(n) for n in (7, 32)],
            "selective": selective(7, 2, 5),
            "hankel": hankel(24, 16),
            "legendre": [{"z": z, "p": [float(eval_legendre(n, z)) for n in range(0, 65, 8)]} for z in (-0.97, -0.2, 0.5, 0.999)],
        },
        indent=1,
    )
)
