"""How much better than its box a cut is: IoU with COCO's own masks, drawn by pycocotools, and seconds per mask.

``python -m benchmarks.box_to_mask INSTANCES.json IMAGES_FOLDER`` prints the table of docs/segment.md. Crowds are left
out. The margin's interval is a bootstrap over pictures: boxes of one picture are not independent.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Picture
from pycocotools import mask as coco

from annotators.outlining import draw
from annotators.segmenters.base import Patch
from annotators.segmenters.grabcut import Config, cut
from schemas.geometry import Box, Mask, mask_from_box, mask_iou

__all__ = ["Row", "interval", "main", "measure"]

ERRORS_PX = (0.5, 1.0, 2.0, 4.0)


class Outline(NamedTuple):
    """How a cut was drawn within one error."""

    deviation_px: float
    iou: float
    points: int


class Row(NamedTuple):
    """One box."""

    image_id: int
    area: float
    box_iou: float
    cut_iou: float
    is_guess: bool
    cut_s: float
    draw_s: float
    outlines: tuple[Outline, ...]
    """One for each of ERRORS_PX."""


def measure(instances: dict[str, Any], folder: Path, config: Config) -> list[Row]:
    """A row for every annotation that is no crowd."""
    names = {image["id"]: image["file_name"] for image in instances["images"]}
    by_image: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in instances["annotations"]:
        if not annotation["iscrowd"]:
            by_image[annotation["image_id"]].append(annotation)
    rows = []
    for image_id, found in sorted(by_image.items()):
        pixels = np.asarray(Picture.open(folder / names[image_id]).convert("RGB"))
        rows += [_row(pixels, annotation, config) for annotation in found]
    return rows


def _row(pixels: Any, annotation: dict[str, Any], config: Config) -> Row:
    height, width = pixels.shape[:2]
    x, y, w, h = annotation["bbox"]
    box = Box(x1=x, y1=y, x2=min(width, x + w), y2=min(height, y + h))
    rle = coco.merge(coco.frPyObjects(annotation["segmentation"], height, width))
    truth = Mask(width=width, height=height, counts=rle["counts"].decode())
    plain = mask_from_box(box, width, height)
    start = time.perf_counter()
    patch = cut(pixels, box, 1.0, 1.0, config)
    assert patch is not None
    middle = time.perf_counter()
    drawn = draw(patch, box, width, height, max_error_px=1.0, min_part_share=0.02)
    end = time.perf_counter()
    found = drawn.mask if drawn else plain
    outlines = tuple(_outline(patch, box, width, height, error_px) for error_px in ERRORS_PX)
    scores = mask_iou(plain, truth), mask_iou(found, truth), patch.is_guess
    return Row(annotation["image_id"], w * h, *scores, middle - start, end - middle, outlines)


def _outline(patch: Patch, box: Box, width: int, height: int, error_px: float) -> Outline:
    drawn = draw(patch, box, width, height, max_error_px=error_px, min_part_share=0.02)
    assert drawn is not None
    points = sum(len(p.exterior) + sum(map(len, p.holes)) for p in drawn.polygons)
    return Outline(drawn.deviation_px, drawn.outline_iou, points)


def interval(rows: list[Row], *, rounds: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean gain over the box, resampling pictures."""
    gains: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        gains[row.image_id].append(row.cut_iou - row.box_iou)
    sums = np.array([(sum(g), len(g)) for g in gains.values()])
    draws = np.random.default_rng(seed).integers(0, len(sums), (rounds, len(sums)))
    means = sums[draws, 0].sum(axis=1) / sums[draws, 1].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def main(arguments: list[str]) -> None:
    """Prints the tables."""
    path, folder = arguments
    instances = json.loads(Path(path).read_text(encoding="utf-8"))
    rows = measure(instances, Path(folder), Config())
    ids = sorted({row.image_id for row in rows})
    parts = {
        "all": rows,
        "pictures 1, 3, 5, ... (tuned on)": [r for r in rows if r.image_id in ids[::2]],
        "pictures 2, 4, 6, ... (held out)": [r for r in rows if r.image_id in ids[1::2]],
        "boxes of 32 x 32 px and more": [r for r in rows if r.area >= 1024],
        "smaller boxes": [r for r in rows if r.area < 1024],
    }
    print(
        "| boxes | number | IoU of the plain box | IoU of the cut | gain (95 %) | guesses |\n|---|---|---|---|---|---|"
    )
    for name, some in parts.items():
        low, high = interval(some)
        box, found = (float(np.mean([getattr(r, f) for r in some])) for f in ("box_iou", "cut_iou"))
        guessed = sum(r.is_guess for r in some) / len(some)
        gain = f"+{found - box:.3f} ({low:+.3f} to {high:+.3f})"
        print(f"| {name} | {len(some)} | {box:.3f} | {found:.3f} | {gain} | {guessed:.0%} |")
    for name in ("cut_s", "draw_s"):
        times = np.array([getattr(r, name) for r in rows]) * 1000
        print(f"{name}: median {np.median(times):.1f} ms, 95 % {np.quantile(times, 0.95):.1f} ms")
    print("| max_error_px | largest deviation | mean outline IoU | mean points |\n|---|---|---|---|")
    for i, error_px in enumerate(ERRORS_PX):
        deviation, iou, points = (np.array(column) for column in zip(*(r.outlines[i] for r in rows), strict=True))
        print(f"| {error_px:g} | {deviation.max():.2f} px | {iou.mean():.4f} | {points.mean():.1f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
