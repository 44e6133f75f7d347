"""The proof that splits leak nothing, looked for in what was published and not in how it was assigned.

``split_proof.json`` in the run folder holds it. Every count of something on both sides of a split must be 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import NonNegativeInt

from schemas.base import Frozen
from schemas.errors import RunError

from .dataset import config_of, read_rows, shard_uris
from .filesystems import write_atomically
from .lookalikes import HASH_BYTES, SURE_BITS
from .near_pairs import Indices, Words, hash_words, near_between, near_blocks
from .plan import Move
from .recipe import Recipe
from .seen import seen_samples
from .storage import FileFact, RunFolder, sha256_of

__all__ = [
    "Moved",
    "SplitProof",
    "SplitRows",
    "StratumRow",
    "copies_across",
    "crowding",
    "near_across",
    "proof_of",
    "straddling",
    "write_proof",
]

NAME = "split_proof.json"
COLUMNS = [
    "sample_id", "asset_id", "group_id", "pair_id", "split", "origin", "generator.name", "source.name",
    "perceptual_hashes", "reference.asset_id", "reference.perceptual_hashes", "regions.list.element.category",
]  # fmt: skip
FEWEST_ROWS = 20
"""With fewer, a pair or two are more than a split should have."""
MOST_VALUES = 40
"""Values of one property that are listed; the rarer ones are one line."""


class SplitRows(Frozen):
    """Rows in one split."""

    split: str
    """The split."""
    rows: NonNegativeInt
    """Its rows."""


class StratumRow(Frozen):
    """How the rows with one value of one property lie in the splits."""

    by: str
    """The property: config, origin, generator, source or category (of the final regions; a row may have several)."""
    value: str
    """Its value; empty where a row states none."""
    splits: tuple[SplitRows, ...]
    """Every split of the dataset."""


class Moved(Frozen):
    """Samples that are in another split than in the version before, and why they had to move."""

    group_id: str
    """Their group: it was joined with a larger one, or is held out as unseen, or their split is gone."""
    before: str
    """The split that they were in."""
    after: str
    """The split that they are in."""
    samples: NonNegativeInt
    """How many."""


class SplitProof(Frozen):
    """What was looked for across splits, how much of it, and what was found."""

    splits: tuple[SplitRows, ...] = ()
    """Rows in every split."""
    groups: NonNegativeInt = 0
    """Groups of rows."""
    largest_group: NonNegativeInt = 0
    """Rows of the largest group; 0 in proofs of older versions, which did not say."""
    groups_across: NonNegativeInt = 0
    """Groups with rows in two splits."""
    media_across: NonNegativeInt = 0
    """Media (the same bytes) in two splits."""
    pairs_across: NonNegativeInt = 0
    """Stated pairs in two splits."""
    near_bits: NonNegativeInt = 0
    """Two of the 256-bit hashes that differ in at most so many bits are a near pair."""
    hashes: NonNegativeInt = 0
    """Distinct hashes that were compared, each with every other."""
    near_across: NonNegativeInt = 0
    """Near pairs in two splits."""
    copy_bits: NonNegativeInt = 0
    """The same for the hash of a mirrored or cropped copy; groups join further ones, as far as they are found."""
    copies: NonNegativeInt = 0
    """Hashes of mirrored and cropped copies that were compared with these."""
    copies_across: NonNegativeInt = 0
    """Near pairs of a hash and a copy's, or of a mirrored copy's and a copy's, in two splits."""
    without_hash: NonNegativeInt = 0
    """Rows too flat for a hash; only equal bytes and what is stated keep them together."""
    strata: tuple[StratumRow, ...] = ()
    """How properties are divided."""
    moved: tuple[Moved, ...] = ()
    """What this finalize moved between splits."""
    unmatched: tuple[str, ...] = ()
    """Unseen splits that no row belongs to."""


class _Published(NamedTuple):
    """The published rows as far as the proof needs them."""

    split_of: dict[str, int]
    hashes: list[bytes]
    of_hash: list[int]
    without_hash: int
    groups: dict[str, set[int]]
    sizes: Counter[str]
    """Rows of each group."""
    media: dict[str, set[int]]
    pairs: dict[str, set[int]]
    strata: Counter[tuple[str, str, int]]


class _Copies(NamedTuple):
    """Distinct hashes of altered copies with the split of each, and of them the first mirrored one of each sample."""

    words: Words
    splits: Indices
    mirrored: Words
    mirrored_splits: Indices


def proof_of(run: RunFolder, recipe: Recipe, moves: Sequence[Move] = ()) -> SplitProof:
    """Look through everything that is published; only hashes of copies come from ``samples/``."""
    names = recipe.split_names
    found = _published(run, names)
    rows = Counter(found.split_of.values())
    words, splits = _distinct(hash_words(found.hashes), np.array(found.of_hash, dtype=np.int64))
    copies = _copies(*_altered(run, found.split_of))
    bits = recipe.dataset.near_duplicate_bits
    sure = min(SURE_BITS, bits)  # beyond it a search may find what another one did not
    return SplitProof(
        splits=tuple(SplitRows(split=name, rows=rows[i]) for i, name in enumerate(names)),
        groups=len(found.groups),
        largest_group=max(found.sizes.values(), default=0),
        groups_across=_in_several(found.groups),
        media_across=_in_several(found.media),
        pairs_across=_in_several(found.pairs),
        near_bits=bits,
        hashes=len(words),
        near_across=_count(near_blocks(words, bits), splits, splits),
        copy_bits=sure,
        copies=len(copies.words),
        copies_across=_copies_across(words, splits, copies, sure),
        without_hash=found.without_hash,
        strata=tuple(_strata(found.strata, names)),
        moved=tuple(Moved(group_id=m.group_id, before=m.before, after=m.after, samples=m.samples) for m in moves),
        unmatched=tuple(u.split for u in recipe.unseen if not rows[names.index(u.split)]),
    )


def near_across(hashes: Sequence[bytes], splits: Sequence[int], max_bits: int) -> int:
    """Pairs of hashes of 32 bytes that differ in at most ``max_bits`` bits and are in two splits, given by number."""
    words, numbers = _distinct(hash_words(hashes), np.array(splits, dtype=np.int64))
    return _count(near_blocks(words, max_bits), numbers, numbers)


def copies_across(
    hashes: Sequence[bytes],
    splits: Sequence[int],
    altered: Sequence[bytes],
    altered_splits: Sequence[int],
    max_bits: int,
) -> int:
    """The same for pairs of such a hash, or of a mirrored copy's, and an altered copy's.

    ``altered`` holds the hashes of the copies of each sample in a row, the mirrored one first; ``altered_splits`` the
    split of each sample.
    """
    words, numbers = _distinct(hash_words(hashes), np.array(splits, dtype=np.int64))
    return _copies_across(words, numbers, _copies(altered, altered_splits), max_bits)


def straddling(proof: SplitProof) -> list[str]:
    """A line for everything that lies in two splits; none in a proof that holds."""
    counts = {
        "groups": proof.groups_across,
        "media": proof.media_across,
        "stated pairs": proof.pairs_across,
        "near pairs": proof.near_across,
        "near pairs with a mirrored or cropped copy": proof.copies_across,
    }
    return [f"{count:,} {what} lie in two splits" for what, count in counts.items() if count]


def crowding(proof: SplitProof, weights: Mapping[str, float]) -> str:
    """A line where one group has more rows than any split should by its weight; empty where none has.

    A page or picture that stands in most files joins them all, and so does a family that most rows are of.
    """
    rows = sum(split.rows for split in proof.splits)
    if rows < FEWEST_ROWS or proof.largest_group <= rows * max(weights.values()) / sum(weights.values()):
        return ""
    return (
        f"one group has {proof.largest_group:,} of {rows:,} rows, more than any split should: the table duplicates "
        "lists look-alikes (a cover or notice that stands in many files joins them), dataset.group_by joins families"
    )


def write_proof(run: RunFolder, proof: SplitProof) -> dict[str, FileFact]:
    """Write ``split_proof.json``; the file by its path in the run. Raises RunError for a proof that does not hold."""
    if found := straddling(proof):
        raise RunError(f"the splits leak: {'; '.join(found)}", remedy="please report it: finalize must never do this")
    write_atomically(run.path(NAME), (proof.model_dump_json(indent=1) + "\n").encode("utf-8", "surrogatepass"))
    return {NAME: sha256_of(run.path(NAME))}


def _published(run: RunFolder, names: Sequence[str]) -> _Published:
    found = _Published({}, [], [], 0, {}, Counter(), {}, {}, Counter())
    without = 0
    for uri in shard_uris(run.path("dataset")):
        config = config_of(uri)
        for row in read_rows(uri, COLUMNS):
            split = names.index(row["split"])
            found.split_of[row["sample_id"]] = split
            second = row.get("reference") or {}
            hashes = (*row["perceptual_hashes"], *second.get("perceptual_hashes", ()))
            found.hashes.extend(map(bytes.fromhex, hashes))
            found.of_hash.extend([split] * len(hashes))
            without += not row["perceptual_hashes"]
            found.sizes[row["group_id"]] += 1
            for sides, key in ((found.groups, "group_id"), (found.media, "asset_id"), (found.pairs, "pair_id")):
                if row[key] is not None:
                    sides.setdefault(row[key], set()).add(split)
            if second:
                found.media.setdefault(second["asset_id"], set()).add(split)
            found.strata.update((by, value, split) for by, value in _properties(row, config))
    return found._replace(without_hash=without)


def _properties(row: Mapping[str, Any], config: str) -> Iterator[tuple[str, str]]:
    yield "config", config
    yield "origin", row["origin"]
    yield "generator", (row["generator"] or {}).get("name") or ""
    yield "source", (row["source"] or {}).get("name") or ""
    for category in {region["category"] for region in row["regions"]}:
        yield "category", category


def _strata(counts: Counter[tuple[str, str, int]], names: Sequence[str]) -> Iterator[StratumRow]:
    """Property by property, the most frequent values first."""
    for by in ("config", "origin", "generator", "source", "category"):
        totals = Counter[str]()
        for (name, value, _), count in counts.items():
            if name == by:
                totals[value] += count
        ordered = sorted(totals, key=lambda value: (-totals[value], value))
        for value in ordered[:MOST_VALUES]:
            yield _stratum_row(by, value, [value], counts, names)
        if rest := ordered[MOST_VALUES:]:
            yield _stratum_row(by, f"{len(rest)} others", rest, counts, names)


def _stratum_row(
    by: str, title: str, values: Sequence[str], counts: Counter[tuple[str, str, int]], names: Sequence[str]
) -> StratumRow:
    rows = (SplitRows(split=name, rows=sum(counts[by, v, i] for v in values)) for i, name in enumerate(names))
    return StratumRow(by=by, value=title, splits=tuple(rows))


def _in_several(sides: Mapping[str, set[int]]) -> int:
    return sum(len(splits) > 1 for splits in sides.values())


def _distinct(words: Words, splits: Indices) -> tuple[Words, Indices]:
    """Each hash once for each split that it is in."""
    both = np.unique(np.column_stack([words, splits.astype(np.uint64)]), axis=0)
    return np.ascontiguousarray(both[:, :4]), both[:, 4].astype(np.int64)


def _altered(run: RunFolder, split_of: Mapping[str, int]) -> tuple[list[bytes], list[int]]:
    """The hashes of altered copies of each sample that has any, and its split."""
    shown = [row for row in seen_samples(run) if row.altered and row.sample_id in split_of]
    return [row.altered for row in shown], [split_of[row.sample_id] for row in shown]


def _copies(altered: Sequence[bytes], splits: Sequence[int]) -> _Copies:
    of_sample = np.array(splits, dtype=np.int64)
    counts = [len(found) // HASH_BYTES for found in altered]
    words, numbers = _distinct(hash_words(altered), np.repeat(of_sample, counts))
    return _Copies(words, numbers, *_distinct(hash_words(found[:HASH_BYTES] for found in altered), of_sample))


def _copies_across(words: Words, splits: Indices, copies: _Copies, max_bits: int) -> int:
    sides = ((words, splits), (copies.mirrored, copies.mirrored_splits))
    return sum(_count(near_between(some, copies.words, max_bits), of_some, copies.splits) for some, of_some in sides)


def _count(blocks: Iterable[Indices], splits: Indices, other_splits: Indices) -> int:
    """Pairs in two splits, each once."""
    across = [block[splits[block[:, 0]] != other_splits[block[:, 1]], :2] for block in blocks]
    return len(np.unique(np.concatenate([np.empty((0, 2), dtype=np.int64), *across]), axis=0))
