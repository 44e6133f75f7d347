"""What a row says about its medium: columns by name, from a manifest or beside the bytes in a Parquet file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import field_validator

from schemas.errors import SampleError
from schemas.sample import Finding, Generator, Item, Origin, StatedReference, TaskInput

from ..filesystems import printable
from ..strict_json import json_type
from .base import Source, SourceConfig

__all__ = [
    "COLUMNS",
    "REFERENCE",
    "ComparedRowConfig",
    "RowConfig",
    "item_of_row",
    "normalized",
    "our_names",
    "text_of",
]

COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "uri", "file_name", "filename", "file_path", "filepath", "image_path", "video_path"),
    "origin": ("origin",),
    "generator": ("generator", "generator_name"),
    "version": ("version", "generator_version"),
    "prompt": ("prompt",),
    "negative_prompt": ("negative_prompt",),
    "seed": ("seed",),
    "steps": ("steps", "num_inference_steps"),
    "guidance_scale": ("guidance_scale", "cfg_scale"),
    "scheduler": ("scheduler", "sampler"),
    "licence": ("licence", "license"),
    "source": ("source", "source_name"),
    "url": ("url", "source_url"),
    "retrieved": ("retrieved",),
    "pair_id": ("pair_id",),
    "group_id": ("group_id",),
    "question": ("question",),
    "instruction": ("instruction",),
    "label": ("label", "label_given"),
    "password": ("password",),
    "sha256": ("sha256",),
}
"""Our column names and the spellings that mean them, without regard to case. ``prompt`` is what the generator was
asked for; ``instruction`` is asked of whoever annotates. Other columns are left alone."""

ORIGINS: dict[str, Origin] = {
    **dict.fromkeys(("real", "authentic", "photo", "photograph", "camera", "natural"), "real"),
    **dict.fromkeys(("generated", "fake", "ai", "ai-generated", "synthetic"), "generated"),
    **dict.fromkeys(("edited", "manipulated", "tampered", "inpainted", "spliced"), "edited"),
    "unknown": "unknown",
}

REFERENCE = "reference"
"""Our name of the column that holds the second image, or its path."""
_NUMBERS = ("seed", "steps", "guidance_scale")
_GENERATOR = ("version", "prompt", "negative_prompt", "scheduler")
_NESTED = {"generator": {"name": "generator"}, "source": {"name": "source"}}


class RowConfig(SourceConfig):
    """Options of every source whose rows say what they are."""

    columns: Mapping[str, str] = {}
    """Further column names, theirs to ours, e.g. ``{img: path, is_fake: origin}``. Ours: path, origin, generator,
    version, prompt, negative_prompt, seed, steps, guidance_scale, scheduler, licence, source, url, retrieved,
    pair_id, group_id, question, instruction, label, password, sha256."""
    origins: Mapping[str, Origin] = {}
    """Further words for an origin, e.g. ``{"1": generated}``. A word that nobody knows leaves the origin open and
    is kept as a finding of the sample."""

    @field_validator("columns")
    @classmethod
    def _are_ours(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for theirs, ours in value.items():
            if ours not in COLUMNS:
                way = ": name the column of second images in 'reference'" if ours == REFERENCE else ""
                raise ValueError(f"{theirs!r} is to mean {ours!r}, which is no column of ours{way}")
        return value


class ComparedRowConfig(RowConfig):
    """Options of sources whose rows may hold a second image."""

    reference: str | None = None
    """Column of a second image, which the first one is compared with: the original of an edited one, say. Both are one
    sample, shown side by side and published in one row. Every row has the column; where it is empty the row is a
    single medium."""
    reference_role: Literal["reference", "target"] = "reference"
    """What the second image is to the first one, which is judged."""


def our_names(config: RowConfig) -> dict[str, str]:
    """Every spelling of a column that is understood, in lower case, and our name for it."""
    known = {spelling: ours for ours, spellings in COLUMNS.items() for spelling in spellings}
    known |= {theirs.strip().lower(): ours for theirs, ours in config.columns.items()}
    if isinstance(config, ComparedRowConfig) and config.reference:
        known[config.reference.strip().lower()] = REFERENCE
    return known


def normalized(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The row under our names; empty and blank values are left out, ``generator`` and ``source`` may be objects.

    Raises SampleError where two columns say the same thing differently.
    """
    found: dict[str, Any] = {}
    for spelling, value in _flat(row):
        ours = names.get(spelling)
        if ours is None or value is None or (isinstance(value, str) and not value.strip()):
            continue
        if ours in found and found[ours] != value:
            raise SampleError(f"two columns say what the {ours} is: {found[ours]!r:.80} and {value!r:.80}")
        found[ours] = value
    return found


def _flat(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in row.items():
        name = key.strip().lower()
        if name in _NESTED and isinstance(value, Mapping):
            inner = ((key.strip().lower(), member) for key, member in value.items())
            pairs.extend((_NESTED[name].get(key, key), member) for key, member in inner)
        else:
            pairs.append((name, value))
    return pairs


def item_of_row(
    source: Source,
    row: Mapping[str, Any],
    max_text_bytes: int,
    reference: StatedReference | None = None,
    **place: str,
) -> Item:
    """An item from a normalized row; ``place`` is its item_id, uri and file_name, ``reference`` its second image.

    Raises SampleError for a value of the wrong type or beyond ``max_text_bytes``.
    """
    text = {name: text_of(name, row[name], max_text_bytes) for name in row if name not in _NUMBERS}
    where = {key: text.get(key) for key in ("url", "licence", "retrieved")}
    origin, findings = _origin(text.get("origin"), source.config)
    return Item(
        **place,
        origin=origin,
        findings=findings,
        generator=_generator(text, row),
        source=source.stated(name=text.get("source"), **where),
        task_input=TaskInput(
            question=text.get("question"), prompt=text.get("instruction"), label_given=text.get("label")
        ),
        group_id=text.get("group_id"),
        pair_id=text.get("pair_id"),
        reference=reference,
        password=text.get("password"),
        stated_sha256=text.get("sha256"),
    )


def text_of(name: str, value: Any, max_bytes: int) -> str:
    """A value as printable text: numbers and booleans as JSON spells them, dates as ISO 8601 does."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise SampleError(f"column {name!r} holds {json_type(value)}, not text", remedy="write plain text there")
    text = printable(str(value))
    if len(text.encode()) > max_bytes:
        message = f"column {name!r} is longer than {max_bytes} bytes"
        raise SampleError(message, remedy="shorten it or raise limits.max_text_bytes")
    return text


def _origin(word: str | None, config: RowConfig) -> tuple[Origin | None, tuple[Finding, ...]]:
    if word is None:
        return config.origin, ()
    known = ORIGINS | {key.strip().lower(): origin for key, origin in config.origins.items()}
    spelled = "-".join(word.strip().lower().replace("_", " ").split())
    origin = known.get(word.strip().lower()) or known.get(spelled)
    if origin is not None:
        return origin, ()
    message = f"the stated origin {word!r:.200} is none of real, generated, edited and unknown; it is left open"
    return config.origin, (Finding(code="origin_not_understood", message=message),)


def _generator(text: Mapping[str, str], row: Mapping[str, Any]) -> Generator | None:
    stated: dict[str, Any] = {"name": text.get("generator"), **{name: text.get(name) for name in _GENERATOR}}
    stated |= {name: _int64(name, _whole(name, row.get(name))) for name in ("seed", "steps")}
    stated["guidance_scale"] = _number("guidance_scale", row.get("guidance_scale"))
    return Generator(**stated) if any(value is not None for value in stated.values()) else None


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        message = f"column {name!r} says {value!r:.80}, which is no number"
        raise SampleError(message, remedy="write a plain number there")
    return number


def _whole(name: str, value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() and len(value) < 40:
        return int(value)
    number = _number(name, value)
    if number is not None and not number.is_integer():
        raise SampleError(f"column {name!r} says {value!r:.80}, which is no whole number")
    return None if number is None else int(number)


def _int64(name: str, value: int | None) -> int | None:
    """What a table column holds: seeds of 64 bits unsigned are folded into signed 64, more is refused."""
    if value is None or -(2**63) <= value < 2**63:
        return value
    if name == "seed" and value < 2**64 and value >= 0:
        return value - 2**64
    raise SampleError(f"column {name!r} says {value:.3e}, which does not fit into 64 bits")
