"""RMSProp and Adam under affine noise in JAX and optax, for crate/wings/optimizers/src/adam_generalized_smooth.rs.

    pip install "jax[cpu]" optax && python generalized_smooth.py > generalized_smooth.json

JAX differentiates the landscape. Optax has RMSProp with its epsilon in the root, plain descent and clipping; of Adam it has
only the corrected kind, so that its uncorrected moments are chained by hand from optax's exponential averages. Noise comes in kicks by
a formula: at step t in coordinate i the draw j is large if (7 t + 3 i + 16 j) mod 33 = 0. 240 steps for the horizon 400;
the point after every thirtieth is kept.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax

STEPS, EVERY, HORIZON, N = 240, 30, 400, 10
D0, D1, SHARE, ZETA, STEP = 0.04, 0.5, 0.03, 1e-8, 0.5


def landscape(x, a):
    bowl = jnp.sum((jnp.cosh(a * x) - 1.0) / a**2 + 1.5 * (1.0 - jnp.cos(3.0 * x)))
    return bowl + 0.1 * jnp.sum(jnp.sqrt(1.0 + (x - jnp.roll(x, -1)) ** 2) - 1.0)


def kick(t, i, j):
    large = np.sqrt((1.0 - SHARE) / SHARE)
    return np.where((7 * t + 3 * i + 16 * j) % 33 == 0, large, -1.0 / large)


def uncorrected_adam(rate, b1, b2):
    def init(x):
        return jnp.zeros_like(x), jnp.zeros_like(x)

    def update(g, state, _):
        m = optax.incremental_update(g, state[0], 1.0 - b1)
        v = optax.incremental_update(g**2, state[1], 1.0 - b2)
        return -rate * m / jnp.sqrt(v + ZETA), (m, v)

    return optax.GradientTransformation(init, update)


eta, grown, fixed = STEP / np.sqrt(HORIZON), 1.0 - 1.0 / np.sqrt(HORIZON), 0.9
rmsprop = lambda decay: optax.rmsprop(eta, decay=decay, eps=ZETA, eps_in_sqrt=True, initial_scale=0.0)
RULES = {
    "rmsprop": rmsprop(grown),
    "adam": uncorrected_adam(eta, 0.9, grown),
    "fixed": uncorrected_adam(eta, 0.9, fixed),
    "sgd": optax.sgd(eta),
    "clipped": optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(eta)),
}
start = np.round(0.9 * np.cos(2.0 * np.arange(N)), 3)
paths = {}
for name, rule in RULES.items():
    for a in [1.0, 3.0]:
        x, path = jnp.asarray(start), []
        state, i = rule.init(x), np.arange(N)
        for t in range(STEPS):
            g = jax.grad(landscape)(x, a)
            noisy = g * (1.0 + np.sqrt(D1) * kick(t, i, 0)) + np.sqrt(D0) * kick(t, i, 1)
            update, state = rule.update(noisy, state, x)
            x = optax.apply_updates(x, update)
            if (t + 1) % EVERY == 0:
                path.append(x.tolist())
        paths[f"{name}, {a:g}"] = path
constants = {"horizon": HORIZON, "d0": D0, "d1": D1, "share": SHARE, "step": STEP, "beta2": fixed}
made = f"optax {optax.__version__}, jax {jax.__version__}"
print(json.dumps({"made by": made} | constants | {"start": start.tolist(), "paths": paths}))
