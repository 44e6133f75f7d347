"""The features that are tried: what a file is like, without looking at what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.published import Config

__all__ = ["COLUMNS", "FEATURES", "Feature"]

Row = Mapping[str, Any]
"""The columns COLUMNS of a published row."""

_SIZES = ("format", "width", "height")
_IMAGE = (*_SIZES, "mode", "jpeg_quality", "jpeg_tables", "chroma_subsampling", "metadata")
_VIDEO = (*_SIZES, "codec", "duration_s", "fps", "has_audio")
_PAPER = (
    "format",
    "num_pages",
    "has_text_layer",
    "is_encrypted",
    "pages.list.element.width",
    "pages.list.element.height",
)

COLUMNS: Mapping[Config, Sequence[str]] = {
    "images": tuple(f"media.{name}" for name in _IMAGE),
    "videos": tuple(f"media.{name}" for name in _VIDEO),
    "documents": tuple(f"media.{name}" for name in _PAPER),
}
"""Columns of ``media`` that the features of a config are made of; ``byte_size`` comes beside them."""

SAME_SAVING = (
    "train on copies that are all saved alike (the export `matched` makes them, the originals stay untouched), or "
    "sample both classes equally from each of its values"
)
SAME_SIZE = "cut or scale both classes to the same sizes in training, or sample both equally from each size"
PIXELS_ONLY = "train on decoded pixels, never on the files, or sample both classes equally with and without it"
SAME_LENGTH = "cut both classes to the same lengths and rates in training, or sample both equally from each"


class Feature(NamedTuple):
    """One property of a file."""

    name: str
    value: Callable[[Row], str | tuple[float, ...]]
    """A word, or a few numbers; -1 for a number that the file does not have."""
    remedy: str


def _media(name: str) -> Callable[[Row], str]:
    return lambda row: str(row["media"][name])


def _number(name: str) -> Callable[[Row], tuple[float, ...]]:
    return lambda row: (float(-1 if row["media"][name] is None else row["media"][name]),)


def _side(row: Row) -> tuple[float, float]:
    media = row["media"]
    page = media["pages"][0] if "pages" in media else media
    return float(page["width"]), float(page["height"])


def _aspect(row: Row) -> tuple[float, ...]:
    width, height = _side(row)
    return (width / height,)


def _bytes(row: Row) -> tuple[float, ...]:
    return (float(row["byte_size"]),)


def _density(row: Row) -> tuple[float, ...]:
    """Bytes per pixel, and per second of a clip or page of a document."""
    width, height = _side(row)
    media = row["media"]
    times = media.get("duration_s") or media.get("num_pages") or 1
    return (row["byte_size"] / (width * height * times),)


def _metadata(row: Row) -> str:
    return "+".join(row["media"]["metadata"]) or "none"


_SIZE = Feature("size", _side, SAME_SIZE)
_ASPECT = Feature("aspect ratio", _aspect, SAME_SIZE)
_FILE = (
    Feature("bytes per pixel", _density, SAME_SAVING),
    Feature("file length", _bytes, SAME_SAVING),
)

FEATURES: Mapping[Config, Sequence[Feature]] = {
    "images": (
        Feature("format", _media("format"), SAME_SAVING),
        Feature("JPEG quality", _number("jpeg_quality"), SAME_SAVING),
        Feature("JPEG tables", _media("jpeg_tables"), SAME_SAVING),
        Feature("chroma subsampling", _media("chroma_subsampling"), SAME_SAVING),
        Feature("metadata", _metadata, PIXELS_ONLY),
        Feature("color mode", _media("mode"), SAME_SAVING),
        _SIZE,
        _ASPECT,
        *_FILE,
    ),
    "videos": (
        Feature("format", _media("format"), SAME_SAVING),
        Feature("codec", _media("codec"), SAME_SAVING),
        _SIZE,
        _ASPECT,
        Feature("duration", _number("duration_s"), SAME_LENGTH),
        Feature("frame rate", _number("fps"), SAME_LENGTH),
        Feature("sound", _media("has_audio"), PIXELS_ONLY),
        *_FILE,
    ),
    "documents": (
        Feature("format", _media("format"), SAME_SAVING),
        _SIZE,
        _ASPECT,
        Feature("pages", _number("num_pages"), SAME_LENGTH),
        Feature("text layer", _media("has_text_layer"), PIXELS_ONLY),
        Feature("encryption", _media("is_encrypted"), PIXELS_ONLY),
        *_FILE,
    ),
}
"""In the order in which equals are named: the cause before what follows from it."""
