"""Vectors for the linear algebra, from NumPy and SciPy. Run: pip install numpy scipy, then python linalg.py > linalg.json"""

import json

import numpy as np
from scipy.linalg import eigvals, expm, hankel, logm, polar, solve_continuous_lyapunov, sqrtm
from scipy.sparse import random_array
from scipy.sparse.linalg import cg

rng = np.random.default_rng(11)


def rows(a):
    return np.asarray(a).ravel().tolist()


def products(m, k, n):
    a, b = rng.normal(size=(m, k)).round(6), rng.normal(size=(k, n)).round(6)
    single = a.astype(np.float32).astype(float) @ b.astype(np.float32).astype(float)
    return {"m": m, "k": k, "n": n, "a": rows(a), "b": rows(b), "product": rows(a @ b), "single": rows(single)}


def functions(n, condition):
    q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    a = (q * np.geomspace(1, condition, n)) @ q.T
    a = (a + a.T) / 2
    return {"n": n, "condition": condition, "a": rows(a), "root": rows(sqrtm(a).real), "log": rows(logm(a).real), "exp": rows(expm(-a))}


def unitary(m, n):
    a = rng.normal(size=(m, n)) + 1j * rng.normal(size=(m, n))
    u, _ = polar(a)
    return {"m": m, "n": n, "re": rows(a.real), "im": rows(a.imag), "u_re": rows(u.real), "u_im": rows(u.imag)}


def balance(n):
    a, b = rng.normal(size=(n, n)) + n * np.eye(n), rng.normal(size=(n, n))
    return {"n": n, "a": rows(a), "q": rows(b @ b.T), "x": rows(solve_continuous_lyapunov(a, b @ b.T))}


def spectrum(n, count):
    """The filters of spectral state-space models: eigenvalues of 2 / ((i + j)^3 - (i + j)), i and j from 1."""
    s = np.arange(2, 2 * n + 1, dtype=float)
    entries = 2 / (s**3 - s)
    values = np.linalg.eigvalsh(hankel(entries[:n], entries[n - 1 :]))
    return {"n": n, "values": values[::-1][:count].tolist()}


def sparse(n):
    a = random_array((n, n), density=0.1, rng=rng)
    a = (a @ a.T + 0.1 * np.eye(n)).tolist()
    a = np.asarray(a)
    b = rng.normal(size=n)
    x, info = cg(a, b, rtol=1e-13, maxiter=10 * n)
    assert info == 0
    i, j = np.nonzero(a)
    return {"n": n, "i": i.tolist(), "j": j.tolist(), "value": a[i, j].tolist(), "b": b.tolist(), "x": x.tolist()}


def eigenvalues(n):
    a = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    values = np.linalg.eigvals(a)
    return {"n": n, "re": rows(a.real), "im": rows(a.imag), "value_re": rows(values.real), "value_im": rows(values.imag)}


def pencil(n):
    """A general matrix and a mass: values of A x = λ B x."""
    a, b = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    b = b @ b.T + 0.5 * np.eye(n)
    values = eigvals(a, b)
    return {"n": n, "a": rows(a), "b": rows(b), "value_re": rows(values.real), "value_im": rows(values.imag)}


def singular(m, n, count):
    a = rng.normal(size=(m, n)) @ np.diag(0.5 ** np.arange(n))
    return {"m": m, "n": n, "a": rows(a), "values": rows(np.linalg.svd(a, compute_uv=False)[:count])}


print(
    json.dumps(
        {
            "products": [products(3, 5, 2), products(4, 270, 3)],
            "functions": [functions(5, 10.0), functions(8, 1e4)],
            "polar": [unitary(4, 4), unitary(3, 6)],
            "lyapunov": [balance(3), balance(6)],
            "spectrum": [spectrum(64, 8), spectrum(256, 8)],
            "sparse": [sparse(20)],
            "eigenvalues": [eigenvalues(7)],
            "pencils": [pencil(4), pencil(9)],
            "singular": [singular(30, 20, 5)],
        },
        separators=(",", ":"),
    )
)
