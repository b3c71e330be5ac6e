"""Paths of optax's optimizers in double precision, and SciPy's L-BFGS-B, for crate/kernels/tests/optim.rs.

    pip install "jax[cpu]" optax scipy && python optimizers.py > optimizers.json

Every rule takes 240 steps on the same moving function; the point after every fifteenth is kept. Optax computes the decay
of Adafactor in single precision whatever the parameters are; here it is replaced by the same formula in double. L-BFGS
magnifies rounding from step to step (a start moved by 1e-15 ends elsewhere), so that all its points are kept, and each
direction is compared from where optax stood.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import scipy
from scipy.optimize import minimize

N, STEPS, EVERY = 12, 240, 15
START = np.linspace(-1.5, 1.5, N)


def objective(x, t):
    """A curved valley with ripples, on a slope that turns with time, so that no path comes to rest."""
    valley = jnp.sum(5.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return valley + jnp.sum(jnp.sin(3.0 * x)) + jnp.sum(jnp.sin(0.7 * t + jnp.arange(N)) * x)


def bowl(x):
    """Convex, its curvatures from 1 to 36 at the bottom."""
    return 0.5 * jnp.sum(jnp.arange(1.0, 7.0) ** 2 * x**2) + jnp.sum((x[1:] - x[:-1]) ** 4)


def rosenbrock(x):
    """The chained form in N dimensions."""
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def path(rule, gradient, start, every=EVERY):
    @jax.jit
    def step(x, state, t):
        update, state = rule.update(gradient(x, t), state, x)
        return optax.apply_updates(x, update), state

    x = jax.tree.map(jnp.asarray, start)
    state = rule.init(x)
    points = []
    for t in range(STEPS):
        x, state = step(x, state, float(t))
        if (t + 1) % every == 0:
            points.append(np.concatenate([np.ravel(part) for part in jax.tree.leaves(x)]).tolist())
    return points


def falling(rate):
    """The paper's relative step min(rate, 1/sqrt(t))."""
    return lambda count: jnp.minimum(rate, 1.0 / jnp.sqrt(count.astype(jnp.float64) + 1.0))


flat = jax.grad(objective)
RULES = {
    "sgd": optax.sgd(0.003),
    "momentum": optax.sgd(0.002, momentum=0.9),
    "nesterov": optax.sgd(0.002, momentum=0.9, nesterov=True),
    "sgd with decay": optax.chain(optax.add_decayed_weights(0.3), optax.sgd(0.003, momentum=0.5)),
    "adam": optax.adam(0.03),
    "adam, root": optax.adam(0.05, b1=0.5, b2=0.9, eps=1e-3, eps_root=1e-2),
    "adamw": optax.adamw(0.03, b2=0.99, weight_decay=0.5),
    "amsgrad": optax.amsgrad(0.05, b2=0.9),
    "amsgrad of the paper": optax.amsgrad(0.05, b2=0.9, bias_correction_mu=False, bias_correction_nu=False),
    "rmsprop": optax.rmsprop(0.01, decay=0.95),
    "adagrad": optax.adagrad(0.3, initial_accumulator_value=0.1, eps=1e-10),
    "lion": optax.lion(0.003, b1=0.9, b2=0.98, weight_decay=0.2),
}
paths = {name: path(rule, flat, START) for name, rule in RULES.items()}

# Adafactor sees the parameters as a 2 x 4 matrix and a row of four.
SHAPED = {"a": START[:8].reshape(2, 4), "b": START[8:]}
shaped = jax.grad(lambda x, t: objective(jnp.concatenate([x["a"].ravel(), x["b"]]), t))


def adafactor(rate, clip, decay, *scale):
    """The chain of optax.adafactor."""
    power = lambda i, exponent: 1.0 - (i.astype(jnp.float64) + 1.0) ** -exponent
    moments = optax.scale_by_factored_rms(decay_rate=decay, min_dim_size_to_factor=1, decay_rate_fn=power)
    return optax.chain(moments, optax.clip_by_block_rms(clip), optax.scale_by_learning_rate(rate), *scale)


paths["adafactor"] = path(adafactor(falling(0.1), 1.0, 0.8, optax.scale_by_param_block_rms()), shaped, SHAPED)
paths["adafactor, plain"] = path(adafactor(0.03, 0.7, 0.5), shaped, SHAPED)

# A tenth of each quasi-Newton step, so that 240 of them are not too many.
tenth = optax.lbfgs(0.1, memory_size=5, linesearch=None)
paths["l-bfgs"] = path(tenth, lambda x, t: jax.grad(bowl)(x), np.linspace(-1.5, 1.5, 6), every=1)

found = minimize(
    lambda x: tuple(map(np.asarray, jax.value_and_grad(rosenbrock)(x))),
    START,
    jac=True,
    method="L-BFGS-B",
    options={"maxcor": 10, "gtol": 1e-9, "ftol": 0.0},
)
print(
    json.dumps(
        {
            "made by": f"optax {optax.__version__}, jax {jax.__version__}, scipy {scipy.__version__}",
            "paths": paths,
            "rosenbrock": {"x": found.x.tolist(), "evaluations": found.nfev, "slope": float(np.max(np.abs(found.jac)))},
        }
    )
)
