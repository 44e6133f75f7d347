"""From words to lines to blocks, by their boxes alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .findings import BoxXyxy

__all__ = ["Block", "PlacedWord", "blocks_of", "cells_of", "lines_of", "union"]

MAX_GAP = 1.2
"""Widest gap between words of one line, in line heights: more is a column or a cell."""
MAX_LEADING = 0.9
"""Widest gap between lines of one block, in line heights."""
MAX_SIZE_RATIO = 1.5
"""A heading is no part of the paragraph below it."""


@dataclass(frozen=True)
class PlacedWord:
    """A word and its box, in page pixels."""

    text: str
    box: BoxXyxy


@dataclass(frozen=True)
class Block:
    """Words that belong together, with their lines in order."""

    box: BoxXyxy
    text: str
    """Lines separated by line feeds, words by blanks."""
    num_words: int
    num_lines: int = 1


def union(boxes: Iterable[BoxXyxy]) -> BoxXyxy:
    """The smallest box around some boxes, at least one."""
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)


def lines_of(words: Sequence[PlacedWord], max_gap: float = MAX_GAP) -> list[Block]:
    """Pieces of lines, top to bottom: words at one height with no gap wider than ``max_gap`` line heights."""
    rows: list[list[PlacedWord]] = []
    for word in sorted(words, key=lambda w: (w.box[1] + w.box[3], w.box[0])):
        row = next((r for r in rows[-6:] if _beside(union(w.box for w in r[-8:]), word.box)), None)
        if row is None:
            rows.append([word])
        else:
            row.append(word)
    pieces = [piece for row in rows for piece in _split(sorted(row, key=lambda w: w.box[0]), max_gap)]
    return [Block(union(w.box for w in piece), " ".join(w.text for w in piece), len(piece)) for piece in pieces]


def blocks_of(lines: Sequence[Block]) -> list[Block]:
    """Blocks of lines that follow each other closely, have one size and stand under each other."""
    groups: list[list[Block]] = []
    for line in sorted(lines, key=lambda piece: (piece.box[1], piece.box[0])):
        group = next((g for g in reversed(groups[-24:]) if _continues(g, line)), None)
        if group is None:
            groups.append([line])
        else:
            group.append(line)
    return [_joined(group) for group in groups]


def cells_of(lines: Sequence[Block], height: float) -> list[list[Block]]:
    """Runs of at least 3 rows of at least 3 short cells each: tables without rules; ``height`` of a line."""
    rows: list[list[Block]] = []
    for line in sorted(lines, key=lambda piece: piece.box[1] + piece.box[3]):
        if rows and _beside(union(c.box for c in rows[-1]), line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    tables: list[list[list[Block]]] = [[]]
    for row in rows:
        is_row = len(row) >= 3 and sum(c.num_words for c in row) <= 3 * len(row)
        if is_row and tables[-1] and not _aligned(tables[-1][-1], row, height):
            tables.append([])
        if is_row:
            tables[-1].append(row)
        elif tables[-1]:
            tables.append([])
    return [
        [cell for row in table for cell in sorted(row, key=lambda c: c.box[0])] for table in tables if len(table) >= 3
    ]


def _aligned(above: list[Block], row: list[Block], height: float) -> bool:
    """Whether most cells share a left or right edge with one above, and the rows are near."""
    if min(c.box[1] for c in row) - max(c.box[3] for c in above) > 3 * height:
        return False
    shared = sum(
        any(abs(c.box[0] - a.box[0]) < height / 2 or abs(c.box[2] - a.box[2]) < height / 2 for a in above) for c in row
    )
    return shared >= 0.6 * len(row)


def _beside(row: BoxXyxy, box: BoxXyxy) -> bool:
    shared = min(row[3], box[3]) - max(row[1], box[1])
    return shared > 0.5 * min(row[3] - row[1], box[3] - box[1])


def _split(row: list[PlacedWord], max_gap: float) -> list[list[PlacedWord]]:
    heights = sorted(w.box[3] - w.box[1] for w in row)
    height = heights[(len(heights) * 3) // 4]  # words without ascenders are lower than the line
    pieces = [[row[0]]]
    for word in row[1:]:
        if word.box[0] - max(w.box[2] for w in pieces[-1][-3:]) > max_gap * height:
            pieces.append([word])
        else:
            pieces[-1].append(word)
    return pieces


def _continues(group: list[Block], line: Block) -> bool:
    above = group[-1].box
    heights = sorted((above[3] - above[1], line.box[3] - line.box[1]))
    overlap = min(above[2], line.box[2]) - max(above[0], line.box[0])
    return (
        heights[1] <= MAX_SIZE_RATIO * heights[0]
        and -0.5 * heights[1] <= line.box[1] - above[3] <= MAX_LEADING * heights[1]
        and overlap > 0.3 * min(above[2] - above[0], line.box[2] - line.box[0])
    )


def _joined(group: list[Block]) -> Block:
    return Block(
        union(line.box for line in group),
        "\n".join(line.text for line in group),
        sum(w.num_words for w in group),
        len(group),
    )
