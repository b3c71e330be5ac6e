"""Spectral filters, what they see, and fits on it, for crate/wings/state-space/src/spectral_filters.rs and
chebyshev_spectral_filter.rs.

    pip install numpy mpmath && python spectral_filters.py > spectral_filters.json

The Hankel matrix has its eigenvectors from 50 digits, since those of small eigenvalues are lost in doubles. The moments of
the wedge come from Gauss-Legendre quadrature over radius and angle, which is exact for polynomials in the radius.
"""

import json

import mpmath
import numpy as np
from numpy.polynomial import chebyshev, polynomial

mpmath.mp.dps = 50
rng = np.random.default_rng(7)


def upright(vectors):
    return vectors * np.where(vectors[0] < 0, -1.0, 1.0)


def hankel(taps, count):
    z = mpmath.matrix(taps, taps)
    for i in range(taps):
        for j in range(taps):
            k = mpmath.mpf(i + j + 2)
            z[i, j] = 2 / (k**3 - k)
    values, vectors = mpmath.eigsy(z)
    order = sorted(range(taps), key=lambda i: -values[i])[:count]
    columns = np.array([[float(vectors[i, j]) for j in order] for i in range(taps)])
    return np.array([float(values[i]) for i in order]), upright(columns)


def wedge(taps, beta, coefficients):
    radii, radial = np.polynomial.legendre.leggauss(taps + len(coefficients) + 8)
    radii, radial = 0.5 * (radii + 1), 0.5 * radial
    angles, angular = np.polynomial.legendre.leggauss(80)
    angles, angular = beta * angles, beta * angular
    alpha = (radii[:, None] * np.exp(1j * angles)).ravel()
    weight = (radial * radii)[:, None] * angular
    p = polynomial.polyval(alpha, coefficients[::-1])
    powers = alpha[:, None] ** np.arange(taps)
    return ((powers * (weight.ravel() * np.abs(p) ** 2)[:, None]).T @ powers.conj()).real


def seen(filters, u):
    """What each filter and its alternating twin see."""
    twins = filters * (-1.0) ** np.arange(len(filters))[:, None]
    both = [f for j in range(filters.shape[1]) for f in (filters[:, j], twins[:, j])]
    return np.array([np.convolve(f, u)[: len(u)] for f in both])


def ridge(features, target, eta):
    """The best weights of the features, the penalty on those of features of unit size."""
    size = np.sqrt((features**2).mean(1))
    unit = features / size[:, None]
    n = len(target)
    stacked = np.vstack([unit.T / np.sqrt(n), np.sqrt(eta) * np.eye(len(size))])
    return np.linalg.lstsq(stacked, np.append(target / np.sqrt(n), np.zeros(len(size))), rcond=None)[0] / size


taps, count, kept = 48, 10, 4
values, filters = hankel(taps, count)
u = rng.normal(size=120)
state, system = np.zeros(3), np.array([0.95, -0.8, 0.4])
y = []
for x in u:
    state = system * state + x
    y.append(state @ [1.0, 0.5, -0.7])
y = np.array(y)
views = seen(filters[:, :kept], u)
weights = ridge(views[:, :80], y[:80], 1e-3)

degree, beta = 4, 0.3
monic = chebyshev.cheb2poly([0] * degree + [1])[::-1] / 2 ** (degree - 1)
z = wedge(32, beta, monic)
top_values, top = np.linalg.eigh(z)
top_values, top = top_values[::-1][:6], upright(top[:, ::-1][:, :6])
late = np.convolve(monic, y)[: len(y)]

flat = lambda x: np.asarray(x).ravel().tolist()
print(
    json.dumps(
        {
            "made by": f"numpy {np.__version__}, mpmath {mpmath.__version__}",
            "hankel": {"taps": taps, "values": flat(values), "filters": flat(filters.T)},
            "u": flat(u),
            "y": flat(y),
            "views": flat(views),
            "eta": 1e-3,
            "learned": 80,
            "weights": flat(weights),
            "output": flat(weights @ views),
            "wedge": {
                "taps": 32,
                "beta": beta,
                "coefficients": flat(monic),
                "moments": flat(z[:4]),
                "values": flat(top_values),
                "filters": flat(top.T),
                "preconditioned": flat(late),
            },
        }
    )
)
