"""JKO steps on the line, by brute force: the unknowns are the quantiles of the density after the step.

With quantiles q_0 < ... < q_n of equally many shares, W_2^2 to the density before is the mean of squared differences
(the monotone coupling), and the density between two quantiles is 1/(n (q_{i+1} - q_i)). Newton's method on the convex
objective W_2^2/(2a) + F. No closed form enters.

    pip install numpy scipy && python jko.py > jko.json
"""

import json

import numpy as np
from scipy.linalg import solveh_banded
from scipy.stats import beta, norm

N = 4000


def step(q, a, kind, mean, deviation):
    """Quantiles after an implicit step of length a from the quantiles q, which are midpoints of shares."""
    x = q.copy()
    n = len(q)

    def value(x):
        gaps = np.diff(x)
        if (gaps <= 0).any():
            return np.inf
        cost = ((x - q) ** 2).sum() / (2 * a * n)
        if kind == "gaussian":
            return cost - np.log(gaps).sum() / n + ((x - mean) ** 2).sum() / (2 * deviation**2 * n)
        return cost + (1 / gaps).sum() / n**2

    for _ in range(200):
        gaps = np.diff(x)
        slope = (x - q) / (a * n)
        diagonal = np.full(n, 1 / (a * n))
        if kind == "gaussian":
            slope += (x - mean) / (deviation**2 * n)
            diagonal += 1 / (deviation**2 * n)
            pull, bend = -1 / (gaps * n), 1 / (gaps**2 * n)
        else:
            pull, bend = -1 / (gaps**2 * n**2), 2 / (gaps**3 * n**2)
        slope[1:] += pull
        slope[:-1] -= pull
        diagonal[1:] += bend
        diagonal[:-1] += bend
        banded = np.zeros((2, n))
        banded[0, 1:], banded[1] = -bend, diagonal
        direction = solveh_banded(banded, -slope)
        t, before = 1.0, value(x)
        while value(x + t * direction) > before + 1e-4 * t * slope @ direction and t > 1e-12:
            t /= 2
        x = x + t * direction
        if np.abs(t * direction).max() < 1e-12:
            break
    return x


def main():
    shares = (np.arange(N) + 0.5) / N
    cases = []
    for a, mean, deviation, start, target in [(0.1, 2.0, 0.8, 0.0, 1.2), (1.0, -1.5, 0.8, 0.0, 0.5), (0.02, 0.5, 2.0, 0.0, 0.7)]:
        x = norm.ppf(shares, mean, deviation)
        path = []
        for _ in range(5):
            x = step(x, a, "gaussian", start, target)
            path.append([round(float(x.mean()), 9), round(float(x.std()), 9)])
        cases.append(dict(kind="gaussian", a=a, start=[mean, deviation], target=target, path=path))
    for a, s in [(0.1, 0.8), (1.0, 0.8), (0.01, 2.0)]:
        x = s * (2 * beta.ppf(shares, 2, 2) - 1)
        path = []
        for _ in range(5):
            x = step(x, a, "porous", 0.0, 1.0)
            path.append([round(float(x.mean()), 9), round(float(np.sqrt(5 * x.var())), 9)])
        cases.append(dict(kind="porous", a=a, start=[0.0, s], target=0.0, path=path))
    print(json.dumps({"cases": cases}))


main()
