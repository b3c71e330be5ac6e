"""`peers.py WORK UNITS SAMPLES`: takes the time of what does this work natively in Python, on one thread.

Prints, by name, the check after so many units and the milliseconds a unit took in each sample, as JSON.
"""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import json
import sys
import time

import numpy as np

SAMPLE = 0.05  # seconds that a sample takes at least: what is subtracted from it varies too
POINTS, ETA = 1024, 20.0


def uniform(seed, count):
    """The numbers of `crate/bench/src/data.rs`, to the bit."""
    z = np.arange(count, dtype=np.uint32) + np.uint32(seed * 1_000_003 & 0xFFFFFFFF)
    z *= np.uint32(0x9E3779B1)
    z ^= z >> np.uint32(15)
    z *= np.uint32(0x85EBCA77)
    z ^= z >> np.uint32(13)
    return (z >> np.uint32(8)) / 2**24


def centred(seed, shape, dtype):
    return (2 * uniform(seed, np.prod(shape)) - 1).astype(dtype).reshape(shape)


class Product:
    """A product of two matrices, by OpenBLAS."""

    def __init__(self, dtype):
        self.a, self.b = (centred(seed, (512, 512), dtype) for seed in (1, 2))
        self.c = np.empty((512, 512), dtype)

    def run(self, times):
        for _ in range(times):
            np.matmul(self.a, self.b, out=self.c)

    def check(self):
        return float((self.c.astype(float) ** 2).sum())


class Sinkhorn:
    """POT's iterations, without what it does before the first and after the last one."""

    def __init__(self, method, dtype):
        import ot.bregman

        x, y = (uniform(seed, 2 * POINTS).reshape(POINTS, 2) for seed in (1, 2))
        self.cost = ((x[:, None] - y[None]) ** 2).sum(2)
        masses = np.full(POINTS, 1 / POINTS, dtype)
        cost = self.cost.astype(dtype)

        def solve(times):
            return method(ot.bregman)(masses, masses, cost, 1 / ETA, numItermax=times, stopThr=0, warn=False)

        self.solve = solve

    def run(self, times):
        self.plan = self.solve(times)

    def idle(self):
        self.solve(0)

    def check(self):
        return float((self.plan * self.cost).sum())


class Fourier:
    """NumPy's pocketfft."""

    def __init__(self, dtype):
        re, im = (centred(seed, 65536, float) for seed in (1, 2))
        self.x = (re + 1j * im).astype(dtype)

    def run(self, times):
        for _ in range(times):
            self.y = np.fft.fft(self.x)

    def check(self):
        return float((self.y.real.astype(float) * self.y.imag).sum())


def log_domain(bregman):
    return bregman.sinkhorn_log


def scaling(bregman):
    return bregman.sinkhorn_knopp


PEERS = {
    "matmul_f32": {"NumPy": lambda: Product(np.float32)},
    "matmul_f64": {"NumPy": lambda: Product(np.float64)},
    "sinkhorn_log_f32": {"POT": lambda: Sinkhorn(log_domain, np.float32)},
    "sinkhorn_log_f64": {"POT": lambda: Sinkhorn(log_domain, np.float64)},
    "sinkhorn_scaling_f32": {"POT": lambda: Sinkhorn(scaling, np.float32)},
    "sinkhorn_scaling_f64": {"POT": lambda: Sinkhorn(scaling, np.float64)},
    "fft_f32": {"NumPy": lambda: Fourier(np.complex64)},
    "fft_f64": {"NumPy": lambda: Fourier(np.complex128)},
}


def measured(peer, units, samples):
    def seconds(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    idle = getattr(peer, "idle", lambda: None)
    peer.run(units)
    check = peer.check()
    times = 1
    while seconds(lambda: peer.run(times)) - seconds(idle) < SAMPLE:
        times *= 2
    net = lambda: seconds(lambda: peer.run(times)) - seconds(idle)
    return {"check": check, "ms": [1e3 * net() / times for _ in range(samples)]}


if __name__ == "__main__":
    work, units, samples = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    peers = PEERS.get(work, {}).items()
    print(json.dumps({name: measured(make(), units, samples) for name, make in peers}))
