"""Weights of scikit-learn's Perceptron after each pass, for crate/wings/optimizers/tests/reference.rs.

    pip install scikit-learn && python perceptron.py > perceptron.json

Without intercept, shuffling or penalty it is Rosenblatt's rule: it adds y a wherever y (a w) <= 0, point by point.
"""

import json
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import Perceptron

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)
cases = []
for rows, columns, margin in [(30, 2, 0.02), (40, 5, 0.0)]:
    points = rng.normal(size=(400, columns)).round(6)
    truth = rng.normal(size=columns)
    side = points @ truth / np.linalg.norm(truth)
    kept = np.flatnonzero(np.abs(side) >= margin)[:rows]
    points, labels = points[kept], np.sign(side[kept])
    passes = []
    for count in range(1, 9):
        rule = Perceptron(fit_intercept=False, shuffle=False, tol=None, max_iter=count, penalty=None, eta0=1.0)
        passes.append(rule.fit(points, labels).coef_[0].tolist())
    cases.append({"columns": columns, "z": (labels[:, None] * points).round(6).ravel().tolist(), "passes": passes})
print(json.dumps({"made by": f"scikit-learn {sklearn.__version__}", "cases": cases}))
