"""Running medians and rank correlations by SciPy, for crate/wings/optimizers/tests/reference.rs.

    pip install scipy && python schedules.py > schedules.json

Windows have an odd width; `reflect` repeats the end. Some of the correlated numbers are equal.
"""

import json

import numpy as np
import scipy
from scipy.ndimage import median_filter
from scipy.stats import spearmanr

rng = np.random.default_rng(0)
medians = []
for count, width in [(60, 7), (40, 1), (25, 25), (12, 41)]:
    x = rng.standard_t(2, size=count).round(4)
    medians.append({"x": x.tolist(), "width": width, "median": median_filter(x, size=width, mode="reflect").tolist()})
ranks = []
for count, digits in [(15, 3), (30, 0), (8, 1)]:
    x = rng.normal(size=count).round(digits)
    y = (x + rng.normal(size=count)).round(digits)
    ranks.append({"x": x.tolist(), "y": y.tolist(), "correlation": float(spearmanr(x, y).statistic)})
print(json.dumps({"made by": f"scipy {scipy.__version__}", "medians": medians, "ranks": ranks}))
