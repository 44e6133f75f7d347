"""The audit of a finished dataset: every feature by itself, then all together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from schemas.published import Config

from ..dataset import HUB_CONFIGS, config_of, read_rows, shard_uris
from ..storage import RunFolder
from .facts import FLAGGED, Shortcut
from .features import COLUMNS, FEATURES, Feature
from .telling import Columns, Information, Numbers, Told, Truth, cells_of, columns_of, folds_of, information, told_apart

__all__ = ["LEAST_GROUPS", "TOGETHER", "audit_shortcuts"]

LEAST_GROUPS = 10
"""Groups of either class below which nothing is said."""
MOST_ROWS = 20_000
"""Rows of a config that are looked at: whole groups, by a hash of their names."""
TOGETHER = "all together"
FAKE = ("generated", "edited")


class _Rows(NamedTuple):
    """The rows of one config whose origin is known."""

    rows: list[dict[str, Any]]
    is_generated: Truth
    groups: Numbers
    """Number of each row's group, ``(rows,)``, from 0."""

    @property
    def class_groups(self) -> tuple[int, int]:
        """Groups with a real row, and with a generated one."""
        real, fake = (np.unique(self.groups[side]) for side in (~self.is_generated, self.is_generated))
        return len(real), len(fake)


def audit_shortcuts(run: RunFolder, seed: int = 0) -> tuple[Shortcut, ...]:
    """What the published files tell about real and generated, config by config, the worst shortcut first.

    A row of origin ``edited`` counts as generated, one of ``unknown`` not at all. Reads a few columns, no media.
    """
    found: list[Shortcut] = []
    for config in HUB_CONFIGS:
        rows = _read(run, config)
        if rows is not None:
            found.extend(_audit(rows, config, seed))
    return tuple(found)


def _read(run: RunFolder, config: Config) -> _Rows | None:
    """A bounded choice of the rows; None where the config is empty."""
    columns = ["origin", "group_id", "byte_size", *COLUMNS[config]]
    uris = [uri for uri in shard_uris(run.path("dataset")) if config_of(uri) == config]
    if not uris:
        return None
    known = _chosen(row for uri in uris for row in read_rows(uri, columns) if row["origin"] != "unknown")
    number = {name: i for i, name in enumerate(dict.fromkeys(row["group_id"] for row in known))}
    groups = np.array([number[row["group_id"]] for row in known], dtype=np.int64)
    return _Rows(known, np.array([row["origin"] in FAKE for row in known], dtype=np.bool_), groups)


def _chosen(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of whole groups in the order of a hash of their names, until MOST_ROWS are there; no more than twice so
    many are held, but for the last group's."""
    found: list[tuple[bytes, dict[str, Any]]] = []
    last = b"\xff" * 9
    for row in rows:
        if (turn := _digest(row["group_id"])) <= last:
            found.append((turn, row))
        if len(found) >= 2 * MOST_ROWS:
            found, last = _cut(found, last)
    return [row for _, row in _cut(found, last)[0]]


def _cut(found: list[tuple[bytes, dict[str, Any]]], last: bytes) -> tuple[list[tuple[bytes, dict[str, Any]]], bytes]:
    """The first rows, and the hash of the last group among them."""
    found = sorted(found, key=lambda pair: pair[0])
    if len(found) > MOST_ROWS:
        last = found[MOST_ROWS - 1][0]
    return [pair for pair in found if pair[0] <= last], last


def _audit(rows: _Rows, config: Config, seed: int) -> Iterator[Shortcut]:
    if min(rows.class_groups) < LEAST_GROUPS:
        yield _row(rows, config, TOGETHER, 1)
        return
    folds = folds_of(rows.is_generated, rows.groups, seed)
    values = [[feature.value(row) for row in rows.rows] for feature in FEATURES[config]]
    columns = [columns_of(found) for found in values]
    tried = [
        _try(rows, table, folds, seed, is_words=isinstance(found[0], str))
        for table, found in zip(columns, values, strict=True)
    ]
    order = sorted(range(len(tried)), key=lambda i: (-round(tried[i][1].balanced_accuracy[1], 2), i))
    for rank, i in enumerate(order, 1):
        feature = FEATURES[config][i]
        yield _row(rows, config, feature.name, rank, tried[i], _values(values[i], rows.is_generated), feature)
    whole = np.hstack(columns)
    told = told_apart(whole, rows.is_generated, rows.groups, seed, depth=2 * len(FEATURES[config]), folds=folds)
    yield _row(rows, config, TOGETHER, len(order) + 1, (None, told))


def _try(rows: _Rows, columns: Columns, folds: Numbers, seed: int, *, is_words: bool) -> tuple[Information, Told]:
    told = told_apart(columns, rows.is_generated, rows.groups, seed, folds=folds)
    return information(cells_of(columns, is_words=is_words), rows.is_generated, rows.groups, seed), told


def _row(
    rows: _Rows,
    config: Config,
    name: str,
    rank: int,
    tried: tuple[Information | None, Told] | None = None,
    values: str = "",
    feature: Feature | None = None,
) -> Shortcut:
    generated = int(rows.is_generated.sum())
    row = Shortcut(
        config=config,
        feature=name,
        rank=rank,
        finding="not_enough",
        real=len(rows.rows) - generated,
        generated=generated,
        groups=len(np.unique(rows.groups)),
    )
    if tried is None:
        return row
    known, told = tried
    is_shortcut = told.balanced_accuracy[1] >= FLAGGED
    accuracy = dict(zip(("balanced_accuracy", "low", "high"), told.balanced_accuracy, strict=True))
    area = dict(zip(("auc", "auc_low", "auc_high"), told.auc, strict=True))
    bits = {"bits": known.bits, "bits_by_chance": known.by_chance, "p_value": known.p_value} if known else {}
    return row.evolve(
        finding="shortcut" if is_shortcut else "none",
        values=values,
        remedy=feature.remedy if feature and is_shortcut else "",
        **accuracy,
        **area,
        **bits,
    )


def _values(values: Sequence[str | tuple[float, ...]], is_generated: Truth) -> str:
    """``real: JPEG 90 %, PNG 10 %; generated: PNG 100 %``, or the medians."""
    sides = {"real": ~is_generated, "generated": is_generated}
    return "; ".join(
        f"{name}: {_told([values[i] for i in np.flatnonzero(side)])}" for name, side in sides.items() if side.any()
    )


def _told(values: Sequence[str | tuple[float, ...]]) -> str:
    words = [value for value in values if isinstance(value, str)]
    if words:
        return ", ".join(f"{word or 'none'} {count / len(words):.0%}" for word, count in Counter(words).most_common(3))
    numbers = np.array(values, dtype=np.float64)
    medians = [median(column[column >= 0].tolist()) if (column >= 0).any() else None for column in numbers.T]
    return " x ".join("none" if middle is None else f"{middle:.4g}" for middle in medians)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
