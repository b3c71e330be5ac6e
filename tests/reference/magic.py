"""Alternating polar projections by SciPy, for crate/wings/transport/src/magic_unitary_sinkhorn.rs, from a start made by the
same formula; the grid after 20 sweeps, and after 2020 how often 1 is an eigenvalue of T_p for p = 1, 2, 3.

    pip install scipy && python magic.py > magic.json
"""

import itertools
import json

import numpy as np
import scipy
from scipy.linalg import polar

N = 4
k = np.arange(N**3)
xi = ((37 * k % 101 / 50 - 1) + 1j * (53 * k % 97 / 48 - 1)).reshape(N, N, N)


def sweep(xi):
    for i in range(N):
        xi[i] = polar(xi[i])[0]
    for j in range(N):
        xi[:, j] = polar(xi[:, j])[0]


for _ in range(20):
    sweep(xi)
after = xi.copy()
for _ in range(2000):
    sweep(xi)

u = np.einsum("ijk,ijl->ijkl", xi, xi.conj())
moments = []
for p in (1, 2, 3):
    words = list(itertools.product(range(N), repeat=p))
    T = np.zeros((len(words), len(words)), complex)
    for a, i in enumerate(words):
        for b, j in enumerate(words):
            product = np.eye(N)
            for r, c in zip(i, j):
                product = product @ u[r, c]
            T[a, b] = np.trace(product) / N
    moments.append(int((abs(np.linalg.eigvals(T) - 1) < 1e-6).sum()))

out = {"made by": f"SciPy {scipy.__version__}", "re": after.real.ravel().tolist(), "im": after.imag.ravel().tolist(), "moments": moments}
print(json.dumps(out))
