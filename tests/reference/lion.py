"""Steps of optax's Lion in double precision, for crate/wings/optimizers/tests/reference.rs.

    pip install optax && python lion.py > lion.json

Optax decays explicitly, x - lr (sign + lambda x); the exhibit's Lion decays implicitly, x (1 + epsilon lambda) on the
left. With lr = epsilon / (1 + epsilon lambda) the two are the same step.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax


def objective(x):
    """A curved valley in six dimensions: not convex, and every coordinate's gradient changes sign on the way."""
    valley = jnp.sum(5.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return valley + jnp.sum(jnp.sin(3.0 * x))


cases = []
for epsilon, decay, beta1, beta2 in [(0.01, 0.7, 0.9, 0.99), (0.003, 0.0, 0.95, 0.98), (0.05, 2.0, 0.0, 0.5)]:
    rate = epsilon / (1.0 + epsilon * decay)
    rule = optax.lion(rate, b1=beta1, b2=beta2, weight_decay=decay)
    x = jnp.asarray(np.linspace(-1.5, 1.5, 6))
    state = rule.init(x)
    case = {"step": epsilon, "lambda": decay, "beta1": beta1, "beta2": beta2, "start": x.tolist(), "gradients": [], "path": []}
    for _ in range(220):
        gradient = jax.grad(objective)(x)
        update, state = rule.update(gradient, state, x)
        x = optax.apply_updates(x, update)
        case["gradients"].append(gradient.tolist())
        case["path"].append(x.tolist())
    cases.append(case)
print(json.dumps({"made by": f"optax {optax.__version__}, jax {jax.__version__}", "cases": cases}))
