"""Masks from polygons, boxes and arrays, and back.

All drawing is pycocotools': cv2 and Pillow include the last edge (121 px for the square 10..20,
pycocotools 100), so only masks of one rasterizer can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from .runs import mask_runs
from .types import Box, Mask, Polygon

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "box_from_mask",
    "mask_area",
    "mask_from_array",
    "mask_from_box",
    "mask_from_polygons",
    "mask_iou",
    "mask_to_array",
]


def mask_from_polygons(polygons: Sequence[Polygon], width: int, height: int) -> Mask:
    """The union of the polygons, each without its holes, in a picture of ``width`` x ``height`` pixels."""
    if any(polygon.holes for polygon in polygons):
        return _mask_with_holes(polygons, width, height)
    return _from_coco(_drawn([polygon.exterior for polygon in polygons], width, height))


def mask_from_box(box: Box, width: int, height: int) -> Mask:
    """The box's pixels, as its four corners are drawn."""
    corners = ((box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2))
    return _from_coco(_drawn([corners], width, height))


def mask_from_array(pixels: NDArray[np.bool_], rasterizer: Literal["pycocotools", "painted", "threshold"]) -> Mask:
    """From ``(H, W)`` bool; ``rasterizer`` says what made the pixels."""
    import numpy as np
    from pycocotools import mask as coco

    if pixels.ndim != 2 or pixels.dtype != np.bool_:
        raise ValueError(f"a mask is (H, W) bool, not {pixels.shape} {pixels.dtype}")
    return _from_coco(coco.encode(np.asfortranarray(pixels.view(np.uint8))), rasterizer)


def mask_to_array(mask: Mask) -> NDArray[np.bool_]:
    """To ``(H, W)`` bool."""
    import numpy as np

    runs = mask_runs(mask.counts)
    values = np.zeros(runs.size, np.bool_)
    values[1::2] = True
    return np.repeat(values, runs).reshape((mask.height, mask.width), order="F")


def mask_area(mask: Mask) -> int:
    """Number of pixels that belong."""
    return int(mask_runs(mask.counts)[1::2].sum())


def box_from_mask(mask: Mask) -> Box:
    """The tight box around the pixels. Raises ValueError for an empty mask."""
    import numpy as np

    runs = mask_runs(mask.counts)
    ends = np.cumsum(runs)[1::2]
    filled = runs[1::2] > 0
    last = ends[filled] - 1
    first = last - runs[1::2][filled] + 1
    if not first.size:
        raise ValueError("an empty mask has no box")
    (x1, y1), (x2, y2) = np.divmod(first, mask.height), np.divmod(last, mask.height)
    spans_columns = bool((x1 != x2).any())
    top, bottom = (0, mask.height) if spans_columns else (y1.min(), y2.max() + 1)
    return Box(x1=float(x1.min()), y1=float(top), x2=float(x2.max() + 1), y2=float(bottom))


def mask_iou(one: Mask, other: Mask) -> float:
    """Pixels of both over pixels of either, 0 to 1; two empty masks agree: 1. Raises ValueError for unequal sizes."""
    if (one.width, one.height) != (other.width, other.height):
        raise ValueError(
            f"masks of {one.width} x {one.height} and {other.width} x {other.height} px cannot be compared"
        )
    from pycocotools import mask as coco

    union = mask_area(_from_coco(coco.merge([_to_coco(one), _to_coco(other)])))
    shared = mask_area(one) + mask_area(other) - union
    return shared / union if union else 1.0


def _drawn(rings: Sequence[Sequence[tuple[float, float]]], width: int, height: int) -> dict[str, Any]:
    """COCO RLE of the union of the rings; no rings are an empty mask."""
    from pycocotools import mask as coco

    # A list of four numbers would be taken for a box; a ring always has at least six.
    flat = [[coordinate for point in ring for coordinate in point] for ring in rings]
    drawn: dict[str, Any] = coco.merge(coco.frPyObjects(flat, height, width)) if flat else _empty(width, height)
    return drawn


def _mask_with_holes(polygons: Sequence[Polygon], width: int, height: int) -> Mask:
    import numpy as np

    union = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        outer, holes = _drawn([polygon.exterior], width, height), _drawn(polygon.holes, width, height)
        union |= mask_to_array(_from_coco(outer)) & ~mask_to_array(_from_coco(holes))
    return mask_from_array(union, "pycocotools")


def _empty(width: int, height: int) -> dict[str, Any]:
    import numpy as np
    from pycocotools import mask as coco

    empty: dict[str, Any] = coco.encode(np.zeros((height, width), np.uint8, order="F"))
    return empty


def _from_coco(rle: dict[str, Any], rasterizer: Literal["pycocotools", "painted", "threshold"] = "pycocotools") -> Mask:
    height, width = rle["size"]
    return Mask(width=width, height=height, counts=rle["counts"].decode("ascii"), rasterizer=rasterizer)


def _to_coco(mask: Mask) -> dict[str, Any]:
    return {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}
