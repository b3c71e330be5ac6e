"""Vectors for the scalar functions, exact to the last place, and stiff solutions. Run: pip install numpy scipy mpmath,
then python functions.py > functions.json"""

import json

import mpmath as mp
import numpy as np
from scipy.integrate import solve_ivp

mp.mp.dps = 60
rng = np.random.default_rng(11)


def vector(function, x):
    # As text: a JSON parser need not round numbers correctly.
    return {"x": [repr(float(x)) for x in x], "y": [repr(float(function(mp.mpf(float(x))))) for x in x]}


def quantile(p):
    # The tail that is small, so that nothing cancels.
    return -quantile(1 - p) if p > mp.mpf(1) / 2 else mp.findroot(lambda x: mp.log(mp.ncdf(x) / p), start(p))


def start(p):
    return -mp.sqrt(-2 * mp.log(2 * p)) if p < mp.mpf("0.01") else mp.mpf(-1)


signs = rng.choice([-1, 1], 60)
wide = signs * 10 ** rng.uniform(-3, 2.5, 60)
positive = 10 ** rng.uniform(-12, 12, 60)
middle = rng.uniform(-8, 8, 60)
probability = np.concatenate([rng.uniform(0, 1, 30), 10 ** rng.uniform(-300, -1, 20), 1 - 10 ** rng.uniform(-12, -1, 10)])

functions = {
    "sigmoid": vector(lambda x: 1 / (1 + mp.exp(-x)), wide),
    "softplus": vector(lambda x: mp.log1p(mp.exp(x)), wide),
    "tanh": vector(mp.tanh, np.concatenate([wide, rng.uniform(-2, 2, 60)])),
    "log": vector(mp.log, np.concatenate([positive, 1 + signs * 10 ** rng.uniform(-12, -1, 60)])),
    "exp": vector(mp.exp, middle * 20),
    "erf": vector(mp.erf, middle / 2),
    "erfc": vector(mp.erfc, middle),
    "lgamma": vector(mp.loggamma, positive[positive < 1e6]),
    "normal_cdf": vector(mp.ncdf, middle * 2),
    "normal_quantile": vector(quantile, probability),
}


def van_der_pol(t, y):
    return [y[1], ((1 - y[0] ** 2) * y[1] - y[0]) / 1e-3]


def solution(f, y, end):
    found = solve_ivp(f, (0, end), y, method="Radau", rtol=1e-12, atol=1e-14)
    return {"y": [repr(y) for y in y], "end": end, "solution": [repr(float(y)) for y in found.y[:, -1]]}


print(json.dumps({"functions": functions, "van_der_pol": solution(van_der_pol, [2.0, -0.66], 1.0)}, indent=1))
