"""How splits were made, that nothing lies in two of them, and what each holds."""

from __future__ import annotations

from collections.abc import Iterator

from ..split_proof import SplitProof
from ..untrusted import as_code
from .facts import CardFacts
from .markdown import table

__all__ = ["splits_section"]


def splits_section(facts: CardFacts) -> str:
    """The section."""
    count = facts.near_duplicate_groups
    groups = f"{count:,} group{'s' * (count > 1)} of near duplicates" if count else "no near duplicates"
    rule = (
        "Splits are assigned by `group_id` and never cut a group: near duplicates (by perceptual hash, mirrored and "
        "slightly cropped copies included, documents also by the words of their pages), stated pairs, stated groups "
        "and samples of one medium stay together. "
        f"Found: {groups}. Origin, generator, category and modality are divided evenly as far as groups allow; a "
        "sample keeps its split in later versions, unless its group is joined with a larger one."
    )
    return "\n\n".join(["## Splits", rule, *(_proof(facts.proof) if facts.proof else ())])


def _proof(proof: SplitProof) -> Iterator[str]:
    yield "Looked for in the published rows, of which none may lie in two splits:"
    yield table(
        ("What", "Looked through", "In two splits"),
        [
            ("Groups", proof.groups, proof.groups_across),
            ("Media of the same bytes", sum(split.rows for split in proof.splits), proof.media_across),
            ("Stated pairs", "all", proof.pairs_across),
            (f"Near pairs: at most {proof.near_bits} of 256 bits", f"{proof.hashes:,} hashes", proof.near_across),
            (
                f"Near pairs with a mirrored or cropped copy: {proof.copy_bits} bits",
                f"{proof.copies:,} hashes",
                proof.copies_across,
            ),
        ],
    )
    if proof.largest_group:
        yield f"The largest group has {proof.largest_group:,} of {sum(split.rows for split in proof.splits):,} rows."
    if proof.without_hash:
        yield f"{proof.without_hash:,} rows are too flat for a perceptual hash: only equal bytes were looked for."
    names = [split.split for split in proof.splits if split.rows]
    yield table(
        ("Rows by", "", *(as_code(name) for name in names)),
        [
            (
                row.by,
                as_code(row.value) if row.value else "not stated",
                *(s.rows for s in row.splits if s.split in names),
            )
            for row in proof.strata
        ],
    )
