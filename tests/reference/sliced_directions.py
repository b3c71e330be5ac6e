"""POT's sliced distance along given directions, for crate/wings/transport/src/amortized_sliced_directions.rs.

    pip install pot && python sliced_directions.py > sliced_directions.json
"""

import json

import numpy as np
import ot

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 3))
y = rng.normal(size=(40, 3)) @ np.diag([0.5, 1.0, 2.0]) + np.array([0.3, -0.2, 0.6])
directions = rng.normal(size=(12, 3))
directions /= np.linalg.norm(directions, axis=1, keepdims=True)
distance = ot.sliced.sliced_wasserstein_distance(x, y, p=2, projections=directions.T)
print(
    json.dumps(
        {
            "made by": f"POT {ot.__version__}",
            "x": x.tolist(),
            "y": y.tolist(),
            "directions": directions.tolist(),
            "distance": float(distance),
            "exact": float(np.sqrt(ot.emd2([], [], ot.dist(x, y)))),
        }
    )
)
