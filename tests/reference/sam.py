"""Steps of optax's SAM over plain gradient descent in double precision, for crate/wings/optimizers/tests/reference.rs.

    pip install "jax[cpu]" optax && python sam.py > sam.json

Every second call of optax's rule is a step of the method; the call before it climbs by rho along the gradient. The point
after every tenth step is kept. Near a minimum the direction of the gradient magnifies rounding from step to step (there
a start moved by 1e-13 ends 1e-3 elsewhere), so that the rates are small enough for the paths to be on their way still.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
from optax import contrib


def objective(x):
    """A curved valley in six dimensions with ripples."""
    valley = jnp.sum(5.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return valley + jnp.sum(jnp.sin(3.0 * x))


cases = []
for rate, rho in [(0.0003, 0.1), (0.0005, 0.02), (0.0001, 0.5)]:
    climb = optax.chain(contrib.normalize(), optax.sgd(rho))
    rule = contrib.sam(optax.sgd(rate), climb, sync_period=2)
    start = jnp.asarray(np.linspace(-1.5, 1.5, 6))
    x, state, path = start, rule.init(start), []
    for t in range(440):
        update, state = rule.update(jax.grad(objective)(x), state, x)
        x = optax.apply_updates(x, update)
        if (t + 1) % 20 == 0:
            path.append(x.tolist())
    cases.append({"rate": rate, "rho": rho, "start": start.tolist(), "path": path})
print(json.dumps({"made by": f"optax {optax.__version__}, jax {jax.__version__}", "cases": cases}))
