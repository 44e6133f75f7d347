"""``python -m benchmarks.near_pairs``: look-alikes among many hashes, in time, memory and found pairs.

Random 256-bit hashes have no near pairs (the distance of two is 128 bits, with a deviation of 8), so what is found
beside the planted ones is a false merge. With ``--copies N`` every hash also brings N of altered copies, as images
do (19: one mirrored, 18 cropped); planted copies differ from one of these in 16 to 31 bits.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from pipeline.lookalikes import look_alikes

MOST_BITS = 31


def main() -> None:
    """Measure sizes one after the other, so that growth shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_pairs", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[250_000, 1_000_000], help="numbers of hashes")
    parser.add_argument("--copies", type=int, default=0, help="hashes of altered copies for each (default 0)")
    options = parser.parse_args()
    for size in options.sizes:
        print(_measured(size, options.copies), flush=True)


def _measured(size: int, copies: int) -> str:
    rng = np.random.default_rng(size)
    words = rng.integers(0, 256, (size, 32), dtype=np.uint8)
    altered = rng.integers(0, 256, (size, copies, 32), dtype=np.uint8)
    planted = rng.permutation(size)[: max(2, size // 100) // 2 * 2].reshape(-1, 2)
    for i, (one, other) in enumerate(planted.tolist()):
        source = altered[one, i % copies] if copies and i % 2 else words[one]
        words[other] = source ^ _turned(rng)
    hashes = [row.tobytes() for row in words]
    changed = [row.tobytes() for row in altered] if copies else [b""] * size
    del words, altered
    wall, cpu = time.monotonic(), time.process_time()
    found = {(min(a.position, a.closest), max(a.position, a.closest)) for a in look_alikes(hashes, changed, MOST_BITS)}
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    pairs = {(one, other) for one, other in found if one != other}
    wanted = {(min(pair), max(pair)) for pair in planted.tolist()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)
    return (
        f"{size:,} hashes, {copies} copies each: {wall:.1f} s, {cpu:.1f} s CPU, "
        f"{cpu / size * 1e6:.0f} us CPU per hash, peak {peak:.0f} MB; "
        f"{len(pairs & wanted):,} of {len(wanted):,} planted pairs, {len(pairs - wanted)} others"
    )


def _turned(rng: np.random.Generator) -> np.ndarray:
    bits = np.zeros(256, dtype=np.uint8)
    bits[rng.choice(256, rng.integers(16, MOST_BITS + 1), replace=False)] = 1
    return np.packbits(bits)


if __name__ == "__main__":
    main()
