"""Rides of gymnasium's CartPole-v1 under fixed pushes, for crate/wings/optimizers/src/eggroll_lowrank_es.rs.

    pip install gymnasium && python cart_pole.py > cart_pole.json
"""

import json

import gymnasium
import numpy as np

cases = []
for seed in range(3):
    rng = np.random.default_rng(seed)
    environment = gymnasium.make("CartPole-v1").unwrapped
    environment.reset(seed=seed)
    start = rng.uniform(-0.3, 0.3, 4)
    environment.state = tuple(start)
    pushes = rng.integers(0, 2, 60).tolist()
    ride = []
    for push in pushes:
        environment.step(push)
        ride.append([float(x) for x in environment.state])
    cases.append({"start": start.tolist(), "pushes": pushes, "ride": ride})
print(json.dumps({"made by": f"gymnasium {gymnasium.__version__}", "cases": cases}))
