"""The parts of a page: ruled or aligned tables, figures (ink that is no text), blocks of text.

Rules, no model: text blocks come from the text layer; a scan without one gives blocks without
text, told from figures by being made of many small pieces of ink.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .findings import BoxXyxy, Finding, Found, Measure, Pixels
from .text_flow import Block, PlacedWord, blocks_of, cells_of, lines_of, union

__all__ = ["find_layout", "paper_gray"]

Flags = NDArray[np.uint8]

INK = 30
"""Gray levels by which ink differs from the paper."""
MAX_WORDS = 8000
MIN_FIGURE_SIDE = 0.03
"""Shorter side of the smallest figure, as a share of the page's longer side."""


def paper_gray(gray: NDArray[np.uint8]) -> int:
    """The page's most frequent gray level."""
    return int(np.bincount(gray.ravel(), minlength=256).argmax())


def find_layout(pixels: Pixels, words: Sequence[PlacedWord], scale: float) -> list[Found]:
    """Tables, figures and text blocks of a rendered page, in reading order by their top edge.

    ``scale`` is page pixels per pixel of the rendering; words and boxes are in page pixels.
    """
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    ink = (cv2.absdiff(gray, np.full_like(gray, paper_gray(gray))) > INK).astype(np.uint8)
    words = words[:MAX_WORDS]
    tables, free = _tables(ink, words, scale)
    found = [_part("table", b.box, b.num_words, "words", b.text, how) for b, how in tables]
    found += [_part("text_block", b.box, b.num_lines, "lines", b.text, "") for b in blocks_of(lines_of(free))]
    taken = [f.box for f in found if f.box] + [w.box for w in words]
    found += _inked(_without(ink, taken, scale), scale, has_words=bool(words))
    return sorted(found, key=lambda f: (f.box or (0, 0, 0, 0))[1::-1])


def _part(finding: Finding, box: BoxXyxy, count: float, unit: str, words: str, how: str) -> Found:
    x1, y1, x2, y2 = box
    kind = {"table": "Table", "figure": "Figure", "text_block": "Block of text"}[finding]
    text = f"{kind}{how}: {count:g} {unit} within {x2 - x1:.0f} x {y2 - y1:.0f} page pixels."
    return Found(finding=finding, score=1.0, text=text, measures=(Measure(unit, count),), box=box, words=words)


def _tables(ink: Flags, words: Sequence[PlacedWord], scale: float) -> tuple[list[tuple[Block, str]], list[PlacedWord]]:
    tables, free = [], list(words)
    for box in _ruled_boxes(ink, scale):
        inside = [w for w in free if _holds(box, w.box)]
        lines = lines_of(inside) if inside else []
        tables.append((Block(box, "\n".join(line.text for line in lines), len(inside)), " with ruling lines"))
        free = [w for w in free if not _holds(box, w.box)]
    if free:
        height = float(np.median([w.box[3] - w.box[1] for w in free]))
        for cells in cells_of(lines_of(free, max_gap=1.5), height):
            box = union(c.box for c in cells)
            count = sum(c.num_words for c in cells)
            tables.append((Block(box, "\n".join(c.text for c in cells), count), " of aligned cells"))
            free = [w for w in free if not _holds(box, w.box)]
    return tables, free


def _ruled_boxes(ink: Flags, scale: float) -> list[BoxXyxy]:
    """Boxes with at least 3 horizontal and 3 vertical rules that meet."""
    length = max(12, max(ink.shape) // 40)
    across = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    down = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    # Rules are thin; what stays after a thick opening is a picture or a filled area.
    thick = cv2.dilate(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)), np.ones((5, 5), np.uint8))
    across[thick > 0], down[thick > 0] = 0, 0
    grid = cv2.dilate(across | down, np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(grid)
    boxes = []
    for x, y, w, h, _area in stats[1:count]:
        window = (slice(y, y + h), slice(x, x + w))
        rows, columns = _num_rules(across[window].mean(1)), _num_rules(down[window].mean(0))
        if rows >= 3 and columns >= 3 and min(w, h) > length:
            boxes.append((x * scale, y * scale, (x + w) * scale, (y + h) * scale))
    return boxes


def _num_rules(profile: NDArray[np.float64]) -> int:
    """Peaks that run over at least half of the box."""
    flags = np.concatenate(([0], (profile > 0.5).astype(np.int8)))
    return int((np.diff(flags) == 1).sum())


def _holds(box: BoxXyxy, inner: BoxXyxy) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _without(ink: Flags, boxes: Sequence[BoxXyxy], scale: float) -> Flags:
    """The ink that belongs to no box."""
    rest = ink.copy()
    for x1, y1, x2, y2 in boxes:
        rest[max(0, int(y1 / scale) - 2) : int(y2 / scale) + 3, max(0, int(x1 / scale) - 2) : int(x2 / scale) + 3] = 0
    return rest


def _inked(ink: Flags, scale: float, *, has_words: bool) -> list[Found]:
    """Figures, and on a page without a text layer blocks of text as well, from connected ink."""
    side = max(ink.shape)
    reach = (max(3, side // 110), max(3, side // 70))
    merged = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones(reach, np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(merged)
    found = []
    for x, y, w, h, _area in stats[1:count]:
        piece = ink[y : y + h, x : x + w]
        share = float(piece.mean())
        if max(w, h) < 2 * MIN_FIGURE_SIDE * side or min(w, h) < side // 110:
            continue
        box = (x * scale, y * scale, (x + w) * scale, (y + h) * scale)
        if not has_words and share < 0.5 and _num_letters(piece, side) >= 12:
            found.append(_part("text_block", box, round(100 * share, 1), "% ink", "", " without a text layer"))
        elif min(w, h) >= MIN_FIGURE_SIDE * side and share > 0.03:
            found.append(_part("figure", box, round(100 * share, 1), "% ink", "", ""))
    return found


def _num_letters(piece: Flags, side: int) -> int:
    """Connected pieces of ink of a letter's size: up to a fortieth of the page."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(piece)
    sizes = stats[1:count, 2:4].max(1)
    return int(((sizes >= 3) & (sizes <= side / 40)).sum())
