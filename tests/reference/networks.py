"""Losses, gradients and Hessian-vector products of small networks by JAX in double precision, for
crate/kernels/tests/networks.rs.

    pip install "jax[cpu]" && python networks.py > networks.json

Parameters, inputs and directions are sines, so that nothing but results is stored: of the gradient and of the Hessian times
the direction, every seventh entry.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp


def waves(count, pace, height):
    return height * jnp.sin(pace * (jnp.arange(count) + 1.0))


def cross_entropy(logits):
    """Row i has the class i² modulo the number of classes."""
    rows, columns = logits.shape
    classes = jnp.arange(rows) ** 2 % columns
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(rows), classes])


class Reader:
    """Hands out the parameters in order."""

    def __init__(self, theta):
        self.theta, self.at = theta, 0

    def __call__(self, *shape):
        size = 1
        for side in shape:
            size *= side
        self.at += size
        return self.theta[self.at - size : self.at].reshape(shape)


def mlp(sizes, act):
    def loss(theta):
        p, h = Reader(theta), waves(5 * sizes[0], 1.3, 1.0).reshape(5, sizes[0])
        for layer, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
            h = (act(h) if layer else h) @ p(inputs, outputs) + p(outputs)
        return cross_entropy(h), p.at

    return loss


def convolve(x, filters, bias, stride):
    pad = []
    for side, window in zip(x.shape[1:3], filters.shape[:2]):
        last = (-(-side // stride) - 1) * stride - window // 2 + window
        pad.append((window // 2, max(last - side, 0)))
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, filters, (stride, stride), pad, dimension_numbers=dimensions) + bias


def pool(x, window, mode):
    batch, height, width, channels = x.shape
    high, wide = height // window[0], width // window[1]
    x = x[:, : high * window[0], : wide * window[1]].reshape(batch, high, window[0], wide, window[1], channels)
    return x.max((2, 4)) if mode == "max" else x.mean((2, 4))


def image_network(theta):
    """5 x 7 images of two channels."""
    p, h = Reader(theta), waves(3 * 70, 1.7, 1.0).reshape(3, 5, 7, 2)
    h = pool(jax.nn.gelu(convolve(h, p(3, 3, 2, 4), p(4), 1), approximate=False), (2, 2), "max")
    h = jax.nn.gelu(convolve(h, p(2, 2, 4, 3), p(3), 2), approximate=False)
    return cross_entropy(h.reshape(3, -1) @ p(1 * 2 * 3, 4) + p(4)), p.at


def signal_network(theta):
    """Signals of eleven samples."""
    p, h = Reader(theta), waves(4 * 11, 1.7, 1.0).reshape(4, 1, 11, 1)
    h = pool(jnp.tanh(convolve(h, p(1, 5, 1, 3), p(3), 1)), (1, 3), "mean")
    return cross_entropy(h.reshape(4, -1) @ p(1 * 3 * 3, 2) + p(2)), p.at


def norm(x, gain, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + bias


def transformer(tokens, length, width, heads, layers, hidden, outputs, causal, positions):
    def loss(theta):
        p = Reader(theta)
        if tokens:
            h = p(tokens, width)[(jnp.arange(2 * length) ** 2 + jnp.arange(2 * length)) % tokens]
        else:
            h = waves(2 * length * 3, 1.1, 1.0).reshape(2 * length, 3) @ p(3, width)
        h = h.reshape(2, length, width)
        if positions == "learned":
            h = h + p(length, width)
        if positions == "sinusoidal":
            t, j = jnp.arange(length)[:, None], jnp.arange(width)[None]
            angle = t / 10_000.0 ** ((j - j % 2) / width)
            h = h + jnp.where(j % 2 == 0, jnp.sin(angle), jnp.cos(angle))
        mask = jnp.where(causal & (jnp.arange(length)[None] > jnp.arange(length)[:, None]), -jnp.inf, 0.0)
        for _ in range(layers):
            x = norm(h, p(width), p(width))
            q, k, v = (jnp.einsum("btw,whe->bhte", x, p(width, heads, width // heads)) for _ in range(3))
            weights = jax.nn.softmax(jnp.einsum("bhse,bhte->bhst", q, k) / jnp.sqrt(width / heads) + mask)
            seen = jnp.einsum("bhst,bhte->bshe", weights, v).reshape(2, length, width)
            h = h + seen @ p(width, width)
            if hidden:
                x = norm(h, p(width), p(width))
                x = jax.nn.gelu(x @ p(width, hidden) + p(hidden), approximate=False)
                h = h + x @ p(hidden, width) + p(width)
        h = norm(h, p(width), p(width)) @ p(width, outputs) + p(outputs)
        return cross_entropy(h.reshape(2 * length, outputs)), p.at

    return loss


NETWORKS = {
    "mlp relu": mlp([3, 6, 5, 4], jax.nn.relu),
    "mlp leaky relu": mlp([3, 6, 5, 4], lambda x: jax.nn.leaky_relu(x, 0.1)),
    "mlp tanh": mlp([3, 6, 5, 4], jnp.tanh),
    "mlp sigmoid": mlp([3, 6, 5, 4], jax.nn.sigmoid),
    "mlp gelu": mlp([3, 6, 5, 4], lambda x: jax.nn.gelu(x, approximate=False)),
    "mlp silu": mlp([3, 6, 5, 4], jax.nn.silu),
    "mlp softplus": mlp([3, 6, 5, 4], jax.nn.softplus),
    "images": image_network,
    "signals": signal_network,
    "decoder": transformer(7, 5, 6, 2, 2, 8, 7, True, "learned"),
    "encoder": transformer(0, 4, 6, 3, 1, 8, 2, False, "sinusoidal"),
    "attention": transformer(0, 4, 8, 1, 4, 0, 3, True, "none"),
}

results = {}
for name, loss in NETWORKS.items():
    count = loss(waves(10_000, 0.9, 0.7))[1]
    theta, v = waves(count, 0.9, 0.7), waves(count, 1.9, 1.0)
    value = lambda theta: loss(theta)[0]
    gradient, product = jax.jvp(jax.grad(value), (theta,), (v,))
    results[name] = {
        "count": count,
        "loss": float(value(theta)),
        "gradient": gradient[::7].tolist(),
        "product": product[::7].tolist(),
    }
print(json.dumps({"made by": f"jax {jax.__version__}", "networks": results}))
