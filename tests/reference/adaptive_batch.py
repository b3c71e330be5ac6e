"""AdAdaGrad and its test in JAX and optax, for crate/wings/optimizers/src/adadagrad.rs.

    pip install "jax[cpu]" optax && python adaptive_batch.py > adaptive_batch.json

JAX gives every example's own gradient; variances are taken as the paper writes them. AdaGrad is optax's, its norm version
written down. Update t takes the examples (17 t + 29 j + j (j + t)) mod 480 for j below the size of the batch, and all 480 once
that is their number. 200 updates; the parameters after every fiftieth are kept, and all sizes.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax

UPDATES, EVERY, ROWS, CLASSES = 200, 50, 480, 3


def entries(first, *shape):
    k = first + np.arange(np.prod(shape), dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 2).reshape(shape)


X = entries(0, ROWS, 4)
LABELS = np.argmax(X @ entries(50, 4, CLASSES) + 0.5 * entries(100, ROWS, CLASSES), axis=1)


def run(sizes, variant, test, eta, alpha, batch):
    theta = []
    for l, (a, b) in enumerate(zip(sizes, sizes[1:])):
        theta += [entries(1000 + 100 * l, a, b) / 2.0, entries(1050 + 100 * l, b) / 5.0]
    start = np.concatenate([np.ravel(part) for part in theta])
    cuts = np.cumsum([np.size(part) for part in theta])[:-1]

    def loss(flat, x, label):
        parts = jnp.split(flat, cuts)
        for l in range(len(sizes) - 1):
            x = (jnp.tanh(x) if l else x) @ parts[2 * l].reshape(sizes[l], -1) + parts[2 * l + 1]
        return optax.softmax_cross_entropy_with_integer_labels(x, label)

    each = jax.jit(jax.vmap(jax.grad(loss), (None, 0, 0)))
    rule = optax.sgd(alpha) if variant == "sgd" else optax.adagrad(alpha, initial_accumulator_value=0.0, eps=1e-10)
    flat = jnp.asarray(start)
    state, total, path, batches = rule.init(flat), 0.0, [], []
    for t in range(UPDATES):
        batches.append(batch)
        j = np.arange(batch)
        rows = (17 * t + 29 * j + j * (j + t)) % ROWS if batch < ROWS else np.arange(ROWS)
        # The gradients of all are computed, so that nothing is compiled anew for every size.
        gradients = np.asarray(each(flat, X, LABELS))[rows]
        g = gradients.mean(axis=0)
        if variant == "norm":
            total += g @ g
            flat = flat - alpha * g / np.sqrt(total + 1e-10)
        else:
            update, state = rule.update(jnp.asarray(g), state, flat)
            flat = optax.apply_updates(flat, update)
        variance = ((gradients - g) ** 2).sum(axis=0) / (batch - 1)
        if test == "norm":
            wanted = variance.sum() / (eta**2 * (g @ g))
        else:
            wanted = np.max(variance / (eta**2 * g**2))
        if wanted > batch:
            batch = min(int(np.ceil(wanted)), ROWS)
        if (t + 1) % EVERY == 0:
            path.append(flat.tolist())
    names = {"sizes": sizes, "variant": variant, "test": test, "eta": eta, "alpha": alpha}
    return names | {"start": start.tolist(), "batches": batches, "path": path}


cases = [
    run([4, 3], "adagrad", "norm", 1.0, 0.3, 4),
    run([4, 5, 3], "adagrad", "norm", 1.2, 0.1, 4),
    run([4, 3], "norm", "norm", 1.0, 0.5, 4),
    run([4, 5, 3], "sgd", "norm", 1.0, 0.3, 4),
    run([4, 3], "adagrad", "coordinates", 1000.0, 0.1, 4),
    run([4, 5, 3], "adagrad", "coordinates", 400.0, 0.1, 4),
]
made = f"optax {optax.__version__}, jax {jax.__version__}"
data = {"features": X.ravel().tolist(), "labels": LABELS.tolist()}
print(json.dumps({"made by": made} | data | {"cases": cases}))
