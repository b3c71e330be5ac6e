"""Vectors for the Fourier transform, from NumPy. Run: pip install numpy, then python fft.py > fft.json

The signal of length n is x_j = cos(j² + 1) + i sin(3j² + j), which the test makes again.
"""

import json

import numpy as np


def signal(n):
    j = np.arange(n)
    return np.cos((j * j + 1).astype(float)) + 1j * np.sin((3 * j * j + j).astype(float))


def parts(z):
    return {"re": np.real(z).tolist(), "im": np.imag(z).tolist()}


def case(n):
    spectrum = np.fft.fft(signal(n))
    # Every coefficient of a short signal, some of a long one.
    k = np.unique(np.linspace(0, n - 1, min(n, 13)).astype(int))
    return {"n": n, "k": k.tolist(), **parts(spectrum[k])}


a, b = signal(17).real, signal(40).imag
print(
    json.dumps(
        {
            "transforms": [case(n) for n in (1, 2, 3, 4, 5, 8, 12, 15, 60, 64, 97, 128, 243, 500, 1000, 1009, 4096)],
            "convolution": np.convolve(a, b).tolist(),
        },
        indent=1,
    )
)
