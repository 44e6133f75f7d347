"""What the plan needs to know of each row of the tables: a few columns, as few bytes as they take."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from schemas.published import CONFIG_OF, Config

from .storage import RunFolder
from .tables import read_batches

__all__ = ["Family", "Seen", "family_of", "hashes_once", "plain", "seen_samples"]

Family = Literal["prompt", "seed", "generator", "source"]

MEDIA = ("asset_id", "byte_size", "perceptual_hashes", "altered_hashes")
COLUMNS = (
    "sample_id", "item_id", "group_id", "pair_id", "origin", "generator.name", "generator.version", "generator.prompt",
    "generator.seed", "source.name", "ground_truth.list.element.category", "task_input.label_given",
    *(f"assets.list.element.{name}" for name in MEDIA),
    *(f"assets.list.element.media.{kind}.format" for kind in CONFIG_OF),
)  # fmt: skip


class Seen(NamedTuple):
    """The few facts of one row of ``samples/`` that decide its place."""

    sample_id: str
    item_id: str
    group_id: str | None
    pair_id: str | None
    asset_ids: tuple[str, ...]
    hashes: bytes
    """Perceptual hashes of all assets, 32 bytes each, asset by asset."""
    config: Config
    byte_size: int
    altered: bytes = b""
    """The hashes that mirrored and cropped copies would have, asset by asset."""
    portions: tuple[tuple[int, int], ...] = ()
    """How many bytes of ``hashes`` and of ``altered`` each asset has; empty for one asset, which has all."""
    origin: str = "unknown"
    generator: str = ""
    version: str = ""
    prompt: str = ""
    seed: int | None = None
    source: str = ""
    categories: tuple[str, ...] = ()
    """Of known regions, else the label that came along, else of the regions that machines proposed."""


def seen_samples(run: RunFolder) -> Iterator[Seen]:
    """The rows of ``samples/`` as far as the plan needs them."""
    proposed = _proposed(run)
    for batch in read_batches(run, "samples", COLUMNS):
        for row in batch.to_pylist():
            seen = _seen(row)
            yield seen if seen.categories else seen._replace(categories=proposed.get(seen.sample_id, ()))


def _proposed(run: RunFolder) -> dict[str, tuple[str, ...]]:
    """Categories of the regions that machines proposed, by sample."""
    found: dict[str, set[str]] = {}
    for batch in read_batches(run, "candidates", ("sample_id", "regions.list.element.category")):
        for row in batch.to_pylist():
            if names := {_once(region["category"]) for region in row["regions"]}:
                found.setdefault(row["sample_id"], set()).update(names)
    return {sample_id: tuple(sorted(names)) for sample_id, names in found.items()}


def family_of(row: Seen, family: Family) -> tuple[Family, str, int | None] | None:
    """What rows of one family have in common; None for a row that states nothing of it.

    Spelling and spaces do not count; a seed is one of its generator.
    """
    words = {"prompt": row.prompt, "seed": row.generator, "generator": row.generator, "source": row.source}[family]
    if family == "seed":
        return None if row.seed is None else (family, plain(words), row.seed)
    return (family, plain(words), None) if words.strip() else None


def plain(text: str) -> str:
    """A name without what its spelling adds."""
    return " ".join(text.casefold().split())


def _seen(row: Mapping[str, Any]) -> Seen:
    assets, generator = row["assets"], row["generator"] or {}
    kind = next(kind for kind in CONFIG_OF if assets[0]["media"][kind] is not None)
    label = row["task_input"]["label_given"]
    known = {region["category"] for region in row["ground_truth"]} or ({label} if label else set[str]())
    return Seen(
        sample_id=row["sample_id"],
        item_id=row["item_id"],
        group_id=row["group_id"],
        pair_id=row["pair_id"],
        asset_ids=tuple(asset["asset_id"] for asset in assets),
        hashes=_bytes(assets, "perceptual_hashes"),
        config=CONFIG_OF[kind],
        byte_size=sum(asset["byte_size"] for asset in assets),
        altered=_bytes(assets, "altered_hashes"),
        portions=_portions(assets),
        origin=_once(row["origin"]),
        generator=_once(generator.get("name") or ""),
        version=_once(generator.get("version") or ""),
        prompt=generator.get("prompt") or "",
        seed=generator.get("seed"),
        source=_once((row["source"] or {}).get("name") or ""),
        categories=tuple(map(_once, sorted(known))),
    )


def hashes_once(rows: Sequence[Seen]) -> Iterator[tuple[bytes, bytes]]:
    """``hashes`` and ``altered`` of each row, those of a medium that several rows have in one of them only.

    Rows that share a medium belong together by that medium; they are look-alikes only by what else they have.
    """
    owner = _owners(rows)
    for number, row in enumerate(rows):
        if all(owner[asset_id] == number for asset_id in row.asset_ids):
            yield row.hashes, row.altered  # the very bytes: a copy of each would be as much memory again
            continue
        hashes, altered = bytearray(), bytearray()
        start, begin = 0, 0
        for asset_id, (length, extent) in zip(row.asset_ids, row.portions or _ALL, strict=False):
            if owner[asset_id] == number:
                hashes += row.hashes[start : start + length]
                altered += row.altered[begin : begin + extent]
            start, begin = start + length, begin + extent
        yield bytes(hashes), bytes(altered)


_ALL = ((sys.maxsize, sys.maxsize),)


def _owners(rows: Sequence[Seen]) -> dict[str, int]:
    """Number of the row that compares each medium: the first one whose altered hashes begin with it, if there is one,
    since only the hash of a row's first mirrored copy is held against other altered copies."""
    owner: dict[str, int] = {}
    for number, row in enumerate(rows):
        found = (asset_id for asset_id, (_, extent) in zip(row.asset_ids, row.portions, strict=False) if extent)
        owner.setdefault(next(found, row.asset_ids[0]), number)
    for number, row in enumerate(rows):
        for asset_id in row.asset_ids:
            owner.setdefault(asset_id, number)
    return owner


def _portions(assets: list[dict[str, Any]]) -> tuple[tuple[int, int], ...]:
    if len(assets) < 2:
        return ()
    return tuple(
        (len(_bytes([asset], "perceptual_hashes")), len(_bytes([asset], "altered_hashes"))) for asset in assets
    )


def _bytes(assets: list[dict[str, Any]], name: str) -> bytes:
    return bytes.fromhex("".join(digits for asset in assets for digits in asset.get(name) or ()))


def _once(text: str) -> str:
    """The same text held once, however many rows say it."""
    return sys.intern(text)
