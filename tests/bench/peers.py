"""`peers.py WORK UNITS SAMPLES`: takes the time of what does this work natively in Python, on one thread.

Prints, by name, the check after so many units and the milliseconds a unit took in each sample, as JSON; or why there
are none. Matrices on the GPU have 4096 rows, or as many as ORRERY_GPU_SIZE says.
"""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
# Single precision is to be single precision.
os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
os.environ.pop("CUBLAS_EMULATE_SINGLE_PRECISION", None)

import ctypes
import json
import sys
import time

from pathlib import Path

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


class Missing(Exception):
    """What a peer needs and this machine has not."""


def cublas():
    """The library: of NVIDIA's wheels, which stand beside PyTorch and CuPy too, or of an installed CUDA."""
    wheels = [file for entry in sys.path for file in sorted(Path(entry).glob("nvidia/*/lib/libcublas.so.*"))]
    for name in map(str, [*wheels, *(f"libcublas.so.{version}" for version in (13, 12, 11))]):
        try:
            ctypes.CDLL(name.replace("libcublas.", "libcublasLt."), ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise Missing("no cuBLAS: let PYTHON name a Python with PyTorch, CuPy or nvidia-cublas-cu12")


class CuBlas:
    """A chain of products by cuBLAS's sgemm, without TF32, of matrices that stay on the device."""

    def __init__(self):
        try:
            self.cuda = ctypes.CDLL("libcuda.so.1")
        except OSError as fault:
            raise Missing(f"no CUDA device: {fault}") from None
        if self.cuda.cuInit(0):
            raise Missing("no CUDA device: the driver finds none")
        self.blas = cublas()
        device, context, self.handle = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        self.must(self.cuda.cuDeviceGet(ctypes.byref(device), 0))
        self.must(self.cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        self.must(self.cuda.cuCtxSetCurrent(context))
        self.must(self.blas.cublasCreate_v2(ctypes.byref(self.handle)))
        default_math = 0  # TF32 is another mode, and one that has to be asked for.
        self.must(self.blas.cublasSetMathMode(self.handle, default_math))
        self.n = int(os.environ.get("ORRERY_GPU_SIZE", 4096))
        a, b = (centred(seed, (self.n, self.n), np.float32) for seed in (1, 2))
        b *= np.sqrt(np.float32(3 / self.n))
        self.a, self.b, self.c, self.d = (self.upload(matrix) for matrix in (a, b, a, a))
        self.sgemm(self.a, self.c)
        entries = np.empty_like(a)
        self.must(self.cuda.cuMemcpyDtoH_v2(entries.ctypes.data_as(ctypes.c_void_p), self.c, self.bytes))
        self.squares = float((entries.astype(float) ** 2).sum())

    @staticmethod
    def must(code):
        if code:
            raise RuntimeError(f"CUDA or cuBLAS answers {code}")

    def upload(self, matrix):
        self.bytes = ctypes.c_size_t(matrix.nbytes)
        place = ctypes.c_uint64()
        self.must(self.cuda.cuMemAlloc_v2(ctypes.byref(place), self.bytes))
        self.must(self.cuda.cuMemcpyHtoD_v2(place, matrix.ctypes.data_as(ctypes.c_void_p), self.bytes))
        return place

    def sgemm(self, a, c):
        """c = a b. The library counts by columns, where that is cᵀ = bᵀ aᵀ."""
        n, one, zero = ctypes.c_int(self.n), ctypes.byref(ctypes.c_float(1)), ctypes.byref(ctypes.c_float(0))
        as_it_is = ctypes.c_int(0)
        self.must(
            self.blas.cublasSgemm_v2(
                self.handle, as_it_is, as_it_is, n, n, n, one, self.b, n, a, n, zero, c, n
            )
        )

    def run(self, times):
        source = self.a
        for turn in range(times):
            target = (self.c, self.d)[turn % 2]
            self.sgemm(source, target)
            source = target
        self.must(self.cuda.cuCtxSynchronize())

    def check(self):
        return self.squares


def log_domain(bregman):
    return bregman.sinkhorn_log


def scaling(bregman):
    return bregman.sinkhorn_knopp


PEERS = {
    "matmul_f32": {"NumPy": lambda: Product(np.float32)},
    "matmul_f64": {"NumPy": lambda: Product(np.float64)},
    "matmul_vulkan": {"cuBLAS": CuBlas},
    "sinkhorn_log_f32": {"POT": lambda: Sinkhorn(log_domain, np.float32)},
    "sinkhorn_log_f64": {"POT": lambda: Sinkhorn(log_domain, np.float64)},
    "sinkhorn_scaling_f32": {"POT": lambda: Sinkhorn(scaling, np.float32)},
    "sinkhorn_scaling_f64": {"POT": lambda: Sinkhorn(scaling, np.float64)},
    "fft_f32": {"NumPy": lambda: Fourier(np.complex64)},
    "fft_f64": {"NumPy": lambda: Fourier(np.complex128)},
}


def measured(make, units, samples):
    def seconds(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    try:
        peer = make()
    except Missing as why:
        return {"why": str(why)}
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
    print(json.dumps({name: measured(make, units, samples) for name, make in peers}))
