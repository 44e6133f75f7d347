"""What a file says about its own making: generator settings, software, IPTC source type, Content Credentials.

Anyone can write any of it, so it is recorded, never believed. A camera's Make and Model are no
origin statement: editors and generators keep or forge them (ComfyUI stores its workflow in these
very tags), so only a digitalSourceType and generation settings count as a voice.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..sample import Generator, Origin, OriginStatement, Provenance
from .c2pa import source_types
from .generators import from_comfyui, from_parameters
from .wording import clean, decoded

__all__ = ["ORIGINS", "Words", "provenance"]

ORIGINS: Mapping[str, Origin] = {
    "digitalCapture": "real",
    "computationalCapture": "real",
    "negativeFilm": "real",
    "positiveFilm": "real",
    "print": "real",
    "trainedAlgorithmicMedia": "generated",
    "algorithmicMedia": "generated",
    "dataDrivenMedia": "generated",
    "softwareImage": "generated",
    "compositeWithTrainedAlgorithmicMedia": "edited",
    "compositeSynthetic": "edited",
    "compositeCapture": "edited",
    "composite": "edited",
    "algorithmicallyEnhanced": "edited",
    "minorHumanEdits": "edited",
    "humanEdits": "edited",
}
"""IPTC digital source types (cv.iptc.org/newscodes/digitalsourcetype); one that is not here says ``unknown``."""
MOST_XMP = 2**20
SOFTWARE_TAG, MAKE_TAG, MODEL_TAG, USER_COMMENT_TAG = 0x0131, 0x010F, 0x0110, 0x9286
_XMP_SOURCE_TYPE = re.compile(
    r"DigitalSourceType(?:>|\s*=\s*[\"']|[^>]{0,40}?resource\s*=\s*[\"'])\s*([^\"'<>\s]{1,200})"
)
_XMP_CREATOR_TOOL = re.compile(r"CreatorTool(?:>|\s*=\s*[\"'])\s*([^\"'<>]{1,200})")


class Words(NamedTuple):
    """The places of a file where such things are written, as a format's reader found them."""

    texts: Mapping[str, Any] = {}
    """Text fields by keyword: PNG text chunks, GIF and JPEG comment, container tags."""
    exif: Mapping[int, Any] = {}
    """EXIF tags of the first directory, and UserComment."""
    xmp: bytes | str = b""
    """The XMP packet."""
    c2pa: bytes | None = None
    """The C2PA manifest store."""


def provenance(words: Words, *, max_text_bytes: int) -> Provenance:
    """Everything together; the generator is the first that a text states."""
    xmp = decoded(words.xmp)[:MOST_XMP]
    stated = _xmp(_XMP_SOURCE_TYPE, xmp)
    source_type = clean(stated.rstrip("/").rsplit("/", 1)[-1] if stated else None, 100)
    said_by, generator, raw = _generation(words)
    credentials = source_types(words.c2pa) if words.c2pa else ()
    return Provenance(
        software=_software(words, xmp, said_by),
        digital_source_type=source_type or next(iter(credentials), None),
        has_c2pa=words.c2pa is not None,
        statements=_statements(said_by, generator, source_type, credentials),
        generator=generator,
        raw=clean(raw, max_text_bytes),
    )


Voice = Literal["png_text", "comfyui", "exif"]


def _generation(words: Words) -> tuple[Voice | None, Generator | None, str | None]:
    """Who states generation settings, the settings, and the text as found."""
    candidates: list[tuple[Voice, str]] = [("png_text", decoded(words.texts.get("parameters")))]
    candidates += [
        ("exif", decoded(words.exif.get(USER_COMMENT_TAG))),
        ("png_text", decoded(words.texts.get("comment"))),
    ]
    for voice, text in candidates:
        if text and (found := from_parameters(text)):
            return voice, found, text
    for text in _comfyui_texts(words):
        if text and (found := from_comfyui(text)):
            return "comfyui", found, text
    if text := decoded(words.texts.get("parameters")):
        return "png_text", Generator(prompt=clean(text, 16_384)), text
    return None, None, None


def _comfyui_texts(words: Words) -> list[str]:
    """PNG text ``prompt``; WebP has none, so ComfyUI writes ``prompt:{...}`` into EXIF Make or Model."""
    tags = [decoded(words.exif.get(tag)) for tag in (MODEL_TAG, MAKE_TAG)]
    return [decoded(words.texts.get("prompt")), *(tag[7:] for tag in tags if tag.lower().startswith("prompt:"))]


def _software(words: Words, xmp: str, voice: Voice | None) -> str | None:
    stated = [
        words.exif.get(SOFTWARE_TAG),
        words.texts.get("Software"),
        words.texts.get("encoder"),
        _xmp(_XMP_CREATOR_TOOL, xmp),
    ]
    named = next((text for raw in stated if (text := clean(decoded(raw), 200))), None)
    return named or ("ComfyUI" if voice == "comfyui" else None)


def _xmp(pattern: re.Pattern[str], xmp: str) -> str | None:
    """One property by a bounded expression: no XML parser, so no entities to expand."""
    found = pattern.search(xmp)
    return html.unescape(found.group(1)) if found else None


def _statements(
    voice: Voice | None, generator: Generator | None, source_type: str | None, credentials: tuple[str, ...]
) -> tuple[OriginStatement, ...]:
    said: list[OriginStatement] = []
    if voice and generator:
        detail = f"generation settings of {generator.name}" if generator.name else "generation settings"
        said.append(OriginStatement(said_by=voice, origin="generated", detail=detail))
    if source_type:
        said.append(_by_source_type("xmp", source_type))
    said.extend(_by_source_type("c2pa", stated) for stated in credentials)
    return tuple(said)


def _by_source_type(said_by: Literal["xmp", "c2pa"], source_type: str) -> OriginStatement:
    origin = ORIGINS.get(source_type, "unknown")
    return OriginStatement(said_by=said_by, origin=origin, detail=f"digitalSourceType={source_type}")
