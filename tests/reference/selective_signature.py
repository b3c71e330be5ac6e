"""Iterated integrals and recurrences for crate/wings/state-space/src/selective_ssm_signature.rs.

    pip install numpy scipy && python selective_signature.py > selective_signature.json

Along a straight piece every iterated integral is a polynomial in the piece's own time, so integrating polynomials is
exact and uses no identity of signatures. The linear equations are solved with the exponential of the whole matrix.
"""

import itertools
import json

import numpy as np
import scipy
from numpy.polynomial import Polynomial
from scipy.linalg import expm

rng = np.random.default_rng(304)
pieces = rng.normal(size=(20, 3)) / np.sqrt(20)
words = [word for length in (1, 2, 3) for word in itertools.product(range(3), repeat=length)]
words += [(0, 1, 2, 1), (2, 2, 0, 1, 0)]


def integral(word):
    begun = [1.0] + [0.0] * len(word)
    for piece in pieces:
        running = Polynomial([1.0])
        for place, letter in enumerate(word):
            running = (running * piece[letter]).integ() + begun[place + 1]
            begun[place + 1] = running(1.0)
    return begun[-1]


def flow(matrix, source, state):
    """The end of one unit of time of h' = matrix h + source."""
    size = len(state)
    whole = np.zeros((size + 1, size + 1), dtype=matrix.dtype)
    whole[:size, :size], whole[:size, size] = matrix, source
    return (expm(whole) @ np.append(state, 1.0))[:size]


size = 10
a = rng.normal(size=(3, size, size)) * 0.3 / np.sqrt(size)
b, start = rng.normal(size=(3, size)), rng.normal(size=size)
dense = start
for piece in pieces:
    dense = flow(np.tensordot(piece, a, 1), piece @ b, dense)

gate, entry, first = rng.normal(size=(3, size)) * 0.3, rng.normal(size=(3, size)), rng.normal(size=size)
diagonal = first
for piece in pieces:
    diagonal = flow(np.diag(piece @ gate), piece @ entry, diagonal)

modes = -0.5 + 1j * np.pi * np.arange(size // 2)
inputs = rng.normal(size=(3, size))
filtered = np.zeros(size // 2, dtype=complex)
for piece in pieces:
    u = piece @ inputs
    filtered = flow(np.diag(modes / len(pieces)), u[: size // 2] + 1j * u[size // 2 :], filtered)

flat = lambda x: np.asarray(x).ravel().tolist()
print(
    json.dumps(
        {
            "made by": f"numpy {np.__version__}, scipy {scipy.__version__}",
            "path": flat(pieces),
            "words": words,
            "integrals": [integral(word) for word in words],
            # Entry (c, i N + r) is A_i[r, c].
            "dense": {"a": flat(a.transpose(2, 0, 1)), "b": flat(b), "start": flat(start), "end": flat(dense)},
            "diagonal": {"a": flat(gate), "b": flat(entry), "start": flat(first), "end": flat(diagonal)},
            "filter": {"b": flat(inputs), "end": flat(np.concatenate([filtered.real, filtered.imag]))},
        }
    )
)
