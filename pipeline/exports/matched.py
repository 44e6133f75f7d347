"""Export ``matched``: copies of all images that are saved alike, so that format and compression tell no class.

Derived assets beside the dataset, whose originals stay as they are: each copy names the asset that it was made from,
and ``matched.json`` says how. An image that was a JPEG before still carries a weak trace of its first compression;
``max_side`` thins that out, and the audit of a dataset of the copies says what is left.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from annotators.sandbox import shared_sandbox
from schemas.base import Frozen
from schemas.candidate import Region
from schemas.errors import SampleError
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.types import Image
from schemas.record import Record
from schemas.sample import Origin

from ..filesystems import join, open_uri, write_atomically, writing
from ._media import with_media
from ._refusals import no_second_image, refusal_of
from .base import Export, ExportConfig, ExportPlace
from .jsonl import canonical_line

__all__ = ["Config", "Matched"]

SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


class Config(ExportConfig):
    """Options of the matched export: how every copy is saved."""

    kind: Literal["matched"] = "matched"
    quality: int = Field(90, ge=1, le=95)
    """JPEG quality of all copies."""
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:2:0"
    """Chroma subsampling of all copies."""
    max_side: int | None = Field(None, ge=16)
    """Longer side in pixels that larger images are reduced to before; None keeps all sizes."""


class _Copy(Frozen):
    """A line of ``copies.jsonl``."""

    sample_id: str
    """The record."""
    split: str
    """Its split."""
    group_id: str
    """Its group."""
    origin: Origin
    """Where its medium comes from."""
    derived_from: str
    """``asset_id`` of the original."""
    file: str | None = None
    """The copy in this folder; None where there was no dataset to take the original from."""
    sha256: str = ""
    """Hash of the copy."""
    byte_size: int = 0
    """Its size."""
    width: int = 0
    """Its width in pixels."""
    height: int = 0
    """Its height in pixels."""
    regions: tuple[Region, ...] = ()
    """In pixels of the upright original."""


class Matched(Export):
    """``images/SPLIT/ASSET_ID.jpg``, ``copies.jsonl``, ``matched.json``; clips and documents are refused."""

    config: Config

    def write(self, records: Iterable[Record], place: ExportPlace) -> tuple[str, ...]:
        """Every image decoded upright to RGB, its metadata left out, and saved with the same options."""
        written = [join(place.out_uri, name) for name in ("copies.jsonl", "refused.jsonl", "matched.json")]
        with ExitStack() as stack:
            copies, refused = (stack.enter_context(writing(uri)) for uri in written[:2])
            for record, data in with_media(records, place):
                try:
                    copy, saved = self._copied(record, data)
                except SampleError as error:
                    refused.write(canonical_line(refusal_of(record, error.message)))
                    continue
                if copy.file:
                    written.append(join(place.out_uri, *copy.file.split("/")))
                    write_atomically(written[-1], saved)
                copies.write(canonical_line(copy))
        write_atomically(written[2], (json.dumps(self._how(), indent=1, sort_keys=True) + "\n").encode())
        return tuple(sorted(set(written)))

    def read(self, out_uri: str) -> Iterator[tuple[str, tuple[Region, ...]]]:
        """The regions of every copy."""
        with open_uri(join(out_uri, "copies.jsonl")) as file:
            for line in file:
                copy = _Copy.model_validate_json(line)
                yield copy.sample_id, copy.regions

    def _copied(self, record: Record, data: bytes | None) -> tuple[_Copy, bytes]:
        if not isinstance(record.media, Image) or record.media.num_frames > 1:
            raise SampleError(f"a {record.media.kind}: only still images are saved alike")
        if reason := no_second_image(record):
            raise SampleError(reason)
        copy = _Copy(
            sample_id=record.sample_id,
            split=record.split,
            group_id=record.group_id,
            origin=record.origin,
            derived_from=record.asset_id,
            regions=record.regions,
        )
        if data is None:
            return copy, b""
        saved, width, height = shared_sandbox(DEFAULT_LIMITS).submit(saved_alike, data, self.config).result()
        file = f"images/{quote(record.split, safe='')}/{record.asset_id}.jpg"
        digest = hashlib.sha256(saved).hexdigest()
        size = {"byte_size": len(saved), "width": width, "height": height}
        return copy.evolve(file=file, sha256=digest, **size), saved

    def _how(self) -> dict[str, object]:
        from PIL import __version__, features

        library = f"Pillow {__version__}, libjpeg {features.version('jpg')}"
        return {"format": "JPEG", "encoder": library, **self.config.model_dump(exclude={"kind"})}


def saved_alike(data: bytes, config: Config) -> tuple[bytes, int, int]:
    """The copy of an image, its width and its height. Raises MediaError; runs in a decoder process."""
    from PIL import Image as Pillow

    from schemas.media.images import read_image

    picture = Pillow.fromarray(read_image(data, max_side=config.max_side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=config.quality, subsampling=SUBSAMPLING[config.subsampling])
    return buffer.getvalue(), *picture.size
