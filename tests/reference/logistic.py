"""Logistic regression by scikit-learn, for crate/wings/transport/src/dirrac_recourse.rs, on data made by the same formulas.

    pip install scikit-learn && python logistic.py > logistic.json

Ridge: a thousandth for the mean loss, which is C = 1 / (1e-3 * 500) for scikit-learn's sum. Scaled to length 1.
"""

import json

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

i = np.arange(500)
y = i % 2
X = np.stack([37 * i % 101 / 50 - 1 + y, 53 * i % 97 / 48 - 1 - 0.5 * y, np.ones(500)], axis=1)
model = LogisticRegression(C=1 / (1e-3 * 500), fit_intercept=False, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(X, y)
theta = model.coef_[0] / np.linalg.norm(model.coef_[0])
out = {"made by": f"scikit-learn {sklearn.__version__}", "theta": theta.tolist()}
print(json.dumps(out))
