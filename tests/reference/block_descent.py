"""Block coordinate descent after Nutini, Laradji and Schmidt in NumPy, for crate/wings/optimizers/src/greedy_block_descent.rs.

    pip install numpy && python block_descent.py > block_descent.json

All matrices are dense: the gradient is computed anew from H at every step, blocks are solved by LAPACK, eigenvalues are
exact. Each rule takes 200 steps; the point after every fiftieth is kept (on the lattice, every 79th cell of it).

The greedy forests are taken with plain gradient steps: an exact step leaves the gradient zero on its block but for rounding,
so that the order of those cells, which comes next, is that of rounding errors in any implementation.
"""

import json

import numpy as np

STEPS, EVERY, BLOCK = 200, 50, 4


def entries(*shape):
    """Numbers of three decimals that look drawn."""
    k = np.arange(np.prod(shape), dtype=float)
    return np.round(np.sin(1.7 * k * k + 0.3 * k), 3).reshape(shape)


def blocks(n):
    return [np.arange(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def top(scores):
    return np.sort(np.argsort(-scores, kind="stable")[:BLOCK])


def least_squares(A, c, rule, update):
    """min x'Hx/2 - c'x with H = A'A; the same steps as for |Ax - b|^2 / 2."""
    H = A.T @ A
    n = len(c)
    B = blocks(n)
    corner = lambda b: H[np.ix_(b, b)]
    L = [np.linalg.eigvalsh(corner(b))[-1] for b in B]
    x, path = np.zeros(n), []
    for k in range(STEPS):
        g = H @ x - c
        if rule == "cyclic":
            i = k % len(B)
        elif rule == "gs":
            i = np.argmax([np.linalg.norm(g[b]) for b in B])
        elif rule == "gsl":
            i = np.argmax([np.linalg.norm(g[b]) / np.sqrt(l) for b, l in zip(B, L)])
        elif rule == "gsq":
            i = np.argmax([g[b] @ np.linalg.solve(corner(b), g[b]) for b in B])
        if rule == "variable":
            b = top(g**2 / np.diag(H))
            l = np.linalg.norm(corner(b), np.inf)
        else:
            b, l = B[i], L[i]
        x[b] -= np.linalg.solve(corner(b), g[b]) if update == "matrix" else g[b] / l
        if (k + 1) % EVERY == 0:
            path.append(x.tolist())
    return path


SIDE = 40


def lattice(labels, start, partition, update):
    known = dict(labels)
    cells = [cell for cell in range(SIDE * SIDE) if cell not in known]
    place = {cell: i for i, cell in enumerate(cells)}
    n = len(cells)
    H, given = np.zeros((n, n)), np.zeros(n)
    for i, cell in enumerate(cells):
        row, column = divmod(cell, SIDE)
        for r, c in [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]:
            if 0 <= r < SIDE and 0 <= c < SIDE:
                H[i, i] += 1.0
                if r * SIDE + c in known:
                    given[i] += known[r * SIDE + c]
                else:
                    H[i, place[r * SIDE + c]] = -1.0
    rows, columns = np.array(cells) // SIDE, np.array(cells) % SIDE
    first = {
        "red-black": (rows + columns) % 2 == 0,
        "combs": (columns == 0) | ((columns < SIDE - 1) & (rows % 2 == 0)),
    }
    near = [np.flatnonzero(row < 0) for row in H]

    def forest(order):
        """Cells in this order, unless two neighbours are in one tree; trees are sets of cells."""
        tree, block = {}, []
        for i in order:
            roots = [id(tree[j]) for j in near[i] if j in tree]
            if len(set(roots)) == len(roots):
                joined = {i}.union(*(tree[j] for j in near[i] if j in tree))
                for j in joined:
                    tree[j] = joined
                block.append(i)
        return np.array(block)

    inverses = {}
    x, path = start[:n].copy(), []
    for k in range(STEPS):
        g = H @ x - given
        if partition in first:
            b = np.flatnonzero(first[partition] == (k % 2 == 0))
        elif partition == "greedy":
            b = forest(np.argsort(-(g**2) / np.diag(H), kind="stable"))
        else:
            b = forest([(911 * i + 37 * k) % n for i in range(n)])
        if update == "gradient":
            x[b] -= g[b] / (4.0 if partition == "red-black" else 8.0)
        elif partition in first:
            if k % 2 not in inverses:
                inverses[k % 2] = np.linalg.inv(H[np.ix_(b, b)])
            x[b] -= inverses[k % 2] @ g[b]
        else:
            x[b] -= np.linalg.solve(H[np.ix_(b, b)], g[b])
        if (k + 1) % EVERY == 0:
            path.append(x[::79].tolist())
    return path


def lasso(A, b, lam, rule):
    """min mean log(1 + exp(-b Ax)) + lam |x|_1, and from the end three steps of Newton's method on the support."""
    rows, n = A.shape
    gradient = lambda x: A.T @ (-b / (1.0 + np.exp(b * (A @ x)))) / rows
    bound = A.T @ A / (4.0 * rows)
    B = blocks(n)
    L = [np.linalg.eigvalsh(bound[np.ix_(block, block)])[-1] for block in B]
    each, whole = np.diag(bound), np.linalg.eigvalsh(bound)[-1]
    prox = lambda v, t: np.sign(v) * np.maximum(np.abs(v) - t, 0.0)

    def gains(x, g, l):
        d = prox(x - g / l, lam / l) - x
        return -(g * d + 0.5 * l * d**2 + lam * (np.abs(x + d) - np.abs(x)))

    x, path = np.full(n, 0.2), []
    for k in range(STEPS):
        g = gradient(x)
        if rule == "variable":
            block = top(gains(x, g, each))
            l = min(each[block].sum(), whole)
        else:
            if rule == "cyclic":
                i = k % len(B)
            elif rule == "gs":
                i = np.argmax([gains(x, g, whole)[block].sum() for block in B])
            else:
                i = np.argmax([gains(x, g, l)[block].sum() for block, l in zip(B, L)])
            block, l = B[i], L[i]
        x[block] = prox(x[block] - g[block] / l, lam / l)
        if (k + 1) % EVERY == 0:
            path.append(x.tolist())
    s, newton = np.flatnonzero(x), []
    for _ in range(3):
        p = 1.0 / (1.0 + np.exp(-(A @ x)))
        hessian = A[:, s].T @ (A[:, s] * (p * (1.0 - p) / rows)[:, None])
        x[s] -= np.linalg.solve(hessian, gradient(x)[s] + lam * np.sign(x[s]))
        newton.append(x.tolist())
    return path, newton, whole


A = np.round(entries(30, 23) * 10.0 ** (np.arange(23) % 5 / 4.0), 3)
c = entries(23)
squares = {
    f"{rule}, {update}": least_squares(A, c, rule, update)
    for rule in ["cyclic", "gs", "gsl", "gsq", "variable"]
    for update in ["matrix", "gradient"]
}
labels = [((389 * k + 77) % (SIDE * SIDE), 1.0 - 2.0 * (k % 2)) for k in range(20)]
# No two scores are equal from such a start.
i = np.arange(SIDE * SIDE)
start = (7919 * i**3 + 104729 * i**2 + 12345 * i) % 1000000007 / 500000000.0 - 1.0
lattices = {
    f"{partition}, {update}": lattice(labels, start, partition, update)
    for partition, update in [
        ("red-black", "matrix"),
        ("combs", "matrix"),
        ("combs", "gradient"),
        ("random", "matrix"),
        ("greedy", "gradient"),
    ]
}
D = np.round(1.4 * entries(60, 22), 3)
truth = np.where(np.arange(22) % 5 == 3, 1.0 - 2.0 * (np.arange(22) // 5 % 2), 0.0)
signs = np.where(D @ truth + 1.3 * np.cos(2.9 * np.arange(60)) > 0.0, 1.0, -1.0)
sparse = {}
for rule in ["cyclic", "gs", "gsl", "variable"]:
    path, newton, whole = lasso(D, signs, 0.05, rule)
    sparse[rule] = {"path": path, "newton": newton}
print(
    json.dumps(
        {
            "made by": f"numpy {np.__version__}",
            "least squares": {"a": A.ravel().tolist(), "c": c.tolist(), "paths": squares},
            "lattice": {"labels": labels, "paths": lattices},
            "lasso": {"a": D.ravel().tolist(), "b": signs.tolist(), "lambda": 0.05, "smoothness": whole, "rules": sparse},
        }
    )
)
