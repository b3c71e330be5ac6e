"""Linear recurrences whose matrix depends on the token, for crate/wings/state-space/src/slice_state_tracking.rs.

    pip install numpy scipy && python slice.py > slice.json

Each structure is built as the paper defines it, exponentiated by scipy, and applied token by token. The exhibit computes in
single precision: what is drawn here is rounded to that, and all that follows is in double.
"""

import json

import numpy as np
import scipy
from scipy.linalg import block_diag, expm, hadamard

rng = np.random.default_rng(8)
size, block, tokens = 16, 4, 3
word = rng.integers(tokens, size=25)
draw = lambda *shape: (0.3 * rng.normal(size=shape)).astype(np.float32).astype(float)


def diagonal():
    """Complex numbers x + iy on the diagonal, as [x, -y; y, x]."""
    p = draw(tokens, size // 2, 2)
    return p, [block_diag(*[[[x, -y], [y, x]] for x, y in pairs]) for pairs in p]


def blocks():
    p = draw(tokens, size // block, block, block)
    return p, [block_diag(*own) for own in p]


def low_rank():
    d, u, v = draw(tokens, size), draw(tokens, size, block), draw(tokens, size, block)
    return np.concatenate([d.ravel(), u.ravel(), v.ravel()]), [np.diag(d[i]) + u[i] @ v[i].T for i in range(tokens)]


def walsh_hadamard():
    p = draw(tokens, size)
    return p, [hadamard(size) / np.sqrt(size) @ np.diag(d) for d in p]


def dense():
    p = draw(tokens, size, size)
    return p, list(p)


cases = []
for build in (diagonal, blocks, low_rank, walsh_hadamard, dense):
    parameters, matrices = build()
    start = draw(size)
    for update in ("exponential", "first order"):
        steps = [expm(a) if update == "exponential" else np.eye(size) + a for a in matrices]
        h, states = start, []
        for token in word:
            h = steps[token] @ h
            states.append(h)
        cases.append(
            {
                "structure": build.__name__,
                "update": update,
                "parameters": np.asarray(parameters).ravel().tolist(),
                "start": start.tolist(),
                # Every fifth state.
                "states": np.array(states[4::5]).ravel().tolist(),
            }
        )

print(
    json.dumps(
        {
            "made by": f"numpy {np.__version__}, scipy {scipy.__version__}",
            "tokens": tokens,
            "block": block,
            "word": word.tolist(),
            "cases": cases,
        }
    )
)
