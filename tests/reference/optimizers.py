"""Paths of optax's optimizers in double precision, of packages in PyTorch where optax has none, and SciPy's L-BFGS-B, for
crate/kernels/tests/optim.rs.

    pip install "jax[cpu]" optax scipy torch torch-optimizer dadaptation && python optimizers.py > optimizers.json

Every rule takes 240 steps on the same moving function; the point after every fifteenth, or sixtieth, is kept. Optax computes the decay
of Adafactor in single precision whatever the parameters are; here it is replaced by the same formula in double. L-BFGS
magnifies rounding from step to step (a start moved by 1e-15 ends elsewhere), so that all its points are kept, and each
direction is compared from where optax stood. What no package has is written down once more in NumPy, from the paper's
equations with its sums taken over the whole history: it checks the recursions, not the reading of the paper.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import scipy
import torch
import torch_optimizer
from dadaptation import DAdaptSGD
from optax import contrib
from scipy.optimize import minimize

N, STEPS, EVERY, SELDOM = 12, 240, 15, 60
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
MORE = {
    "adabelief": optax.adabelief(0.03, b2=0.99, eps=1e-16, eps_root=1e-16),
    "normalized": optax.chain(contrib.normalize(), optax.sgd(0.03)),
    "dog": contrib.dog(),
    "d-adapt adam": contrib.dadapt_adamw(),
    "prodigy": contrib.prodigy(),
}
paths |= {name: path(rule, flat, START, SELDOM) for name, rule in MORE.items()}


def walk(step, evaluate=lambda x: x):
    """The points of `step(x, t)` from the start, or what is to be used of them."""
    x, points = jnp.asarray(START), []
    for t in range(STEPS):
        x = step(x, float(t))
        if (t + 1) % SELDOM == 0:
            points.append(np.asarray(evaluate(x)).tolist())
    return points


def schedule_free(rule):
    """Optax moves y; what is compared is x."""
    state = rule.init(jnp.asarray(START))
    update = jax.jit(rule.update)

    def step(y, t):
        nonlocal state
        change, state = update(flat(y, t), state, y)
        return optax.apply_updates(y, change)

    return walk(step, lambda y: contrib.schedule_free_eval_params(state, y))


paths["schedule-free sgd"] = schedule_free(contrib.schedule_free_sgd(0.003, b1=0.8))
paths["schedule-free adamw"] = schedule_free(contrib.schedule_free_adamw(0.03, b1=0.9, b2=0.99, weight_decay=0.3))


def sam(base, radius):
    rule = contrib.sam(base, optax.chain(contrib.normalize(), optax.sgd(radius)), opaque_mode=True)
    state = rule.init(jnp.asarray(START))

    def step(x, t):
        nonlocal state
        change, state = rule.update(flat(x, t), state, x, grad_fn=lambda x, _: flat(x, t))
        return optax.apply_updates(x, change)

    return walk(step)


paths["sam"] = sam(optax.sgd(0.002, momentum=0.5), 0.1)


def polyak(rule):
    state = rule.init(jnp.asarray(START))

    def step(x, t):
        nonlocal state
        value, gradient = jax.value_and_grad(objective)(x, t)
        change, state = rule.update(gradient, state, x, value=value)
        return optax.apply_updates(x, change)

    return walk(step)


paths["polyak"] = polyak(optax.polyak_sgd(0.01, 1.0, f_min=-40.0))


def pytorch(make):
    x = torch.tensor(START, requires_grad=True)
    rule = make([x])

    def step(_, t):
        x.grad = torch.tensor(np.asarray(flat(jnp.asarray(x.detach().numpy()), t)))
        rule.step()
        return x.detach().numpy().copy()

    return walk(step)


paths["diffgrad"] = pytorch(lambda x: torch_optimizer.DiffGrad(x, lr=0.03, betas=(0.9, 0.99), eps=1e-30))
paths["d-adapt sgd"] = pytorch(lambda x: DAdaptSGD(x, lr=0.2, momentum=0.5))


def alr_hb(beta, growth, rate, least):
    xs = [START]

    def step(x, t):
        x = np.asarray(x)
        value, g = map(np.asarray, jax.value_and_grad(objective)(jnp.asarray(x), t))
        moved = x - (xs[-2] if len(xs) > 1 else x)
        eta = rate * min(max(growth * (value - least) + beta * (g @ moved), 0.0) / (g @ g), 0.02)
        xs.append(x - eta * g + beta * moved)
        return xs[-1]

    return walk(step)


def alr_mag(beta, rate, least, greatest):
    gs = []

    def step(x, t):
        value, g = map(np.asarray, jax.value_and_grad(objective)(jnp.asarray(x), t))
        gs.append(g)
        d = sum(beta ** (len(gs) - 1 - i) * g for i, g in enumerate(gs))
        return np.asarray(x) - rate * min((value - least) / (d @ d), greatest) * d

    return walk(step)


paths["polyak, displacement"] = alr_hb(0.6, 2.0, 0.1, -40.0)
paths["polyak, gradient"] = alr_mag(0.6, 0.1, -40.0, 0.01)


def u_dog(first, rate):
    """Everything is summed anew from the whole history."""
    xs, ys, rs, alphas, gs, ms = [START], [START], [], [], [], []

    def step(_, t):
        reach = max(np.linalg.norm(p - START) for p in xs + ys)
        rs.append(max(first * (1.0 + np.linalg.norm(START)), reach))
        alphas.append(sum(rs) / rs[-1])
        omega = [alpha * r for alpha, r in zip(alphas, rs)]
        mean = lambda points: sum(w * p for w, p in zip(omega, points)) / sum(omega)
        ms.append(np.asarray(flat(jnp.asarray(mean(xs[1:] + [ys[-1]])), t)))
        floor = alphas[0] ** 2 * (ms[0] @ ms[0])
        total = lambda: floor + sum(a**2 * ((g - m) @ (g - m)) for a, g, m in zip(alphas, gs, ms))
        xs.append(ys[-1] - rate * alphas[-1] * rs[-1] / np.sqrt(total()) * ms[-1])
        out = mean(xs[1:])
        gs.append(np.asarray(flat(jnp.asarray(out), t)))
        ys.append(ys[-1] - rate * alphas[-1] * rs[-1] / np.sqrt(total()) * gs[-1])
        return out

    return walk(step)


paths["u-dog"] = u_dog(1e-6, 0.5)


def d_adaptation(first, rate):
    gs, ds = [], [first]

    def step(x, t):
        gs.append(np.asarray(flat(jnp.asarray(x), t)))
        squares = np.array([g @ g for g in gs])
        weights = rate * np.array(ds)
        s = sum(w * g for w, g in zip(weights, gs))
        gammas = 1.0 / np.sqrt(np.cumsum(squares))
        before = np.concatenate([gammas[:1], gammas[:-1]])
        norm = np.linalg.norm(s)
        ds.append(max(ds[-1], (gammas[-1] * norm**2 - np.sum(before * weights**2 * squares)) / (2.0 * norm)))
        return START - gammas[-1] * s

    return walk(step)


paths["d-adaptation"] = d_adaptation(0.01, 0.7)


def triple_momentum(a, b, g):
    xs = [START, START]

    def step(_, t):
        v = (1.0 + g) * xs[-1] - g * xs[-2]
        xs.append((1.0 + b) * xs[-1] - b * xs[-2] - a * np.asarray(flat(jnp.asarray(v), t)))
        return xs[-1]

    return walk(step)


paths["triple momentum"] = triple_momentum(0.003, 0.6, 0.3)


def adagrad_norm(rate, initial):
    gs = []

    def step(x, t):
        gs.append(np.asarray(flat(jnp.asarray(x), t)))
        return np.asarray(x) - rate * gs[-1] / np.sqrt(initial + sum(g @ g for g in gs) + 1e-10)

    return walk(step)


paths["adagrad-norm"] = adagrad_norm(1.0, 0.1)

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
            "made by": f"optax {optax.__version__}, jax {jax.__version__}, scipy {scipy.__version__}, torch {torch.__version__}",
            "paths": paths,
            "rosenbrock": {"x": found.x.tolist(), "evaluations": found.nfev, "slope": float(np.max(np.abs(found.jac)))},
        }
    )
)
