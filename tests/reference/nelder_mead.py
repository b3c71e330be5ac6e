"""The points that SciPy's Nelder-Mead evaluates, in order, for crate/wings/optimizers/src/trace_opto/search.rs.

    pip install scipy && python nelder_mead.py > nelder_mead.json
"""

import json

import numpy as np
import scipy
from scipy.optimize import minimize


def valley(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def kink(x):
    return abs(3 * x[0] - 5)


def bowl(x):
    return sum((k + 1) * (x[k] - k) ** 2 + x[k] * x[(k + 1) % 5] / 4 for k in range(5))


cases = []
for name, f, start, count in [
    ("valley", valley, [-1.2, 1.0], 100),
    ("kink", kink, [-2.0], 40),
    ("bowl", bowl, [0.3, -0.4, 1.0, 2.0, -1.0], 120),
]:
    points = []

    def score(x):
        points.append([float(v) for v in x])
        return f(x)

    corners = np.array([start] + [np.array(start) + 0.5 * e for e in np.eye(len(start))])
    minimize(score, start, method="Nelder-Mead", options={"initial_simplex": corners, "maxfev": count})
    cases.append({"function": name, "start": start, "points": points[:count]})

print(json.dumps({"made by": f"scipy {scipy.__version__}", "cases": cases}))
