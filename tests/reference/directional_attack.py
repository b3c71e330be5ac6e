"""Attack, cover, poll: the hybrid direct search for networks in JAX and NumPy, for
crate/wings/optimizers/src/directional_attack_dsm.rs.

    pip install "jax[cpu]" numpy && python directional_attack.py > directional_attack.json

JAX differentiates the objective through the network. What an iteration t draws follows a formula: the n coordinates of the
covering step's point j are u(211 j), the direction of the poll is u(5000) scaled to length 1, with
u_i(a) = 2 ((a + 37 i + 101 t + 59 i t) mod 997) / 996 - 1. 240 iterations, or as many as are taken before a comparison
hangs on less than 1e-9 of the objective: where the search has closed in on a maximum, rounding decides what is better. The
point after every twentieth is kept, and the last.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np

STEPS, EVERY = 240, 20


def entries(first, *shape):
    k = first + np.arange(np.prod(shape), dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 3).reshape(shape)


def drawn(a, n, t):
    i = np.arange(n)
    return 2.0 * (((a + 37 * i + 101 * t + 59 * i * t) % 997) / 996.0) - 1.0


class Tie(Exception):
    pass


def case(sizes, scale, aim, attack, room, radius):
    layers = [
        (np.round(scale * entries(1000 * l, a, b) / np.sqrt(a), 3), entries(1000 * l + 500, b) / 2.0)
        for l, (a, b) in enumerate(zip(sizes, sizes[1:]))
    ]
    n = sizes[0]

    def outputs(x):
        for l, (W, b) in enumerate(layers):
            x = (jnp.tanh(x) if l else x) @ W + b
        return x

    def f(x):
        y = outputs(x)
        return jax.nn.log_softmax(y)[aim["target"]] if aim else y[0] + 0.1 * y[2]

    def constrained(x):
        y = outputs(x)
        return jax.nn.softmax(y)[aim["third"]] if aim else y[1]

    start = np.round(0.5 + 0.3 * entries(77, n), 3)
    level = round(float(constrained(start)) + room, 3)
    f, c, ascent = jax.jit(f), jax.jit(lambda x: constrained(x) - level), jax.jit(jax.grad(f))
    low, high = (start - radius, start + radius) if aim else (np.zeros(n), np.ones(n))
    clip = lambda x: np.clip(x, low, high)
    x, best = start, float(f(start))
    assert c(start) <= 0.0
    r = delta = radius
    tried, path = [], []

    def attacked(x, r):
        if attack == "fgsm":
            return clip(x + r * np.sign(ascent(x)))
        if attack == "l2":
            g = np.asarray(ascent(x))
            return clip(x + r * np.sqrt(n) * g / np.linalg.norm(g))
        for _ in range(5):
            x = clip(x + r / 5.0 * np.sign(ascent(x)))
        return x

    def better(y, margin):
        """Whether y is feasible and higher by the margin."""
        hangs = min(abs(float(f(y)) - best - margin), abs(float(c(y))))
        if hangs < 1e-9 and not np.array_equal(y, x):
            raise Tie
        return c(y) <= 0.0 and f(y) > best + margin

    def iteration(t):
        nonlocal x, best, r, delta
        if attack != "off" and r > 1e-9:
            y = attacked(x, r)
            if better(y, 0.0):
                x, best, r = y, float(f(y)), min(2.0 * r, 2.0 * radius)
                return
            r /= 2.0
        cover = [clip(x + 0.5 * radius * drawn(211 * j, n, t)) for j in range(12)]
        far = [min((np.linalg.norm(y - z) for z in tried[-30:]), default=np.inf) for y in cover]
        y = cover[int(np.argmax(far))]
        tried.append(y)
        if better(y, 0.0):
            x, best = y, float(f(y))
            return
        v = drawn(5000, n, t)
        v = v / np.linalg.norm(v)
        Q = np.eye(n) - 2.0 * np.outer(v, v)
        for q in Q.T:
            for sign in [1.0, -1.0]:
                y = clip(x + sign * delta * q)
                tried.append(y)
                if better(y, 1e-4 * delta**2):
                    x, best = y, float(f(y))
                    delta = min(2.0 * delta, 2.0 * radius)
                    r = max(r, min(delta, radius))
                    return
        delta /= 2.0

    t = 0
    try:
        while t < STEPS:
            before = (x, best, r, delta)
            iteration(t)
            t += 1
            if t % EVERY == 0:
                path.append([t, *x.tolist(), best, r, delta])
    except Tie:
        x, best, r, delta = before
        path.append([t, *x.tolist(), best, r, delta])
    return {
        "sizes": sizes,
        "weights": [W.ravel().tolist() for W, _ in layers],
        "biases": [b.tolist() for _, b in layers],
        "aim": aim,
        "attack": attack,
        "level": level,
        "radius": radius,
        "start": start.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "path": path,
    }


digit = {"target": 3, "third": 1}
cases = [
    case([16, 10, 8, 5], 2.0, digit, "fgsm", 0.01, 0.5),
    case([16, 10, 8, 5], 2.0, digit, "l2", 0.01, 0.5),
    case([10, 8, 6, 3], 4.0, None, "fgsm", 0.4, 0.3),
    case([10, 8, 6, 3], 4.0, None, "pgd", 0.25, 0.3),
    case([10, 8, 6, 3], 4.0, None, "l2", 0.01, 0.3),
    case([10, 8, 6, 3], 4.0, None, "off", 0.05, 0.3),
]
print(json.dumps({"made by": f"jax {jax.__version__}, numpy {np.__version__}", "cases": cases}))
