"""The real data that the kernels carry. Run: pip install scikit-learn, then

    python data.py crate/kernels/src/data            # digits, iris, wine, breast cancer, as scikit-learn ships them
    python data.py crate/kernels/src/data alice29.txt  # the text too, from the Canterbury corpus

A table is written column by column, its numbers as whole multiples of a power of ten, little-endian, in one byte or
three; the labels follow, one byte each. It prints what `real.rs` has to know: rows, width and decimals.
"""

import re
import sys
from pathlib import Path

import numpy as np
from sklearn import datasets

target = Path(sys.argv[1])


def decimals(column):
    """The fewest decimals that write every number of the column exactly."""
    return next(d for d in range(8) if all(round(x * 10**d) / 10**d == x for x in column))


def table(name, bunch, width):
    places = [decimals(column) for column in bunch.data.T]
    out = bytearray()
    for column, d in zip(bunch.data.T, places):
        for x in column:
            out += round(x * 10**d).to_bytes(width, "little")
    out += bunch.target.astype(np.uint8).tobytes()
    (target / f"{name}.bin").write_bytes(out)
    print(name, bunch.data.shape, f"width {width}", f"decimals {places}", f"sum {bunch.data.sum():.6f}", len(out), "bytes")


table("digits", datasets.load_digits(), 1)
table("iris", datasets.load_iris(), 1)
table("wine", datasets.load_wine(), 3)
table("breast_cancer", datasets.load_breast_cancer(), 3)

if len(sys.argv) > 2:
    # Chapters I and II in lower case, one paragraph a line.
    text = Path(sys.argv[2]).read_text().replace("\r", "")
    text = text[text.index("Alice was beginning") : text.index("CHAPTER III")]
    text = re.sub(r"CHAPTER II\s+The Pool of Tears", "", text).replace("`", "'").lower()
    lines = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]
    lines = [line for line in lines if set(line) - set("* ")]
    (target / "alice.txt").write_text("\n".join(lines) + "\n")
    print("alice", sum(len(line) + 1 for line in lines), "bytes", "".join(sorted(set("\n".join(lines)))))
