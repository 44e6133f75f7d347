"""One published row against its own media: the medium, second image, mask and preview, each decoded or made again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from annotators.base import OpenUri
from annotators.sandbox import shared_sandbox
from schemas.candidate import Region
from schemas.errors import SampleError
from schemas.media.measure import measure
from schemas.media.structure import content_end, png_chunks
from schemas.media.types import Document, Image
from schemas.published import Config
from schemas.record import Record, Reference
from schemas.taxonomy import Taxonomy

from .filesystems import exists, open_uri
from .labelmap import label_map, label_map_png, read_label_map
from .passwords import Passwords
from .preview import preview
from .recipe import Recipe
from .row_groups import MEDIA_COLUMN

__all__ = ["media_defects"]


def media_defects(
    row: dict[str, Any], record: Record, config: Config, recipe: Recipe, passwords: Passwords, dataset_uri: str
) -> Iterator[str]:
    """What is wrong with the media of a published row, a line each; ``row`` is as the shard of ``config`` holds it."""
    yield from _medium(row, record, config, recipe, passwords, dataset_uri)
    yield from _reference(row.get("reference_image"), record, recipe)
    yield from _mask(row, record, recipe.taxonomy)
    yield from _preview(row, record, config, recipe)


def _medium(
    row: dict[str, Any], record: Record, config: Config, recipe: Recipe, passwords: Passwords, dataset_uri: str
) -> Iterator[str]:
    """The embedded bytes hash to the asset, and measuring them again gives what the row says."""
    feature = row[MEDIA_COLUMN[config]]
    if record.storage == "link_only":
        if feature is not None or row.get("video_file") or row.get("preview"):
            yield "its medium is published, although only a link to it may be"
        return
    if feature is None:
        yield from _beside(row.get("video_file"), record, dataset_uri, recipe)
        return
    if hashlib.sha256(feature["bytes"]).hexdigest() != record.asset_id:
        yield "its medium's bytes do not hash to asset_id"
        return
    password = passwords.of_sample(record.sample_id) if _is_locked(record) else None
    differs = "measuring its medium again gives something else than the row says"
    yield from _measured(
        partial(_embedded, feature["bytes"]), "memory", record, ("its medium", differs), recipe, password
    )


def _reference(feature: dict[str, Any] | None, record: Record, recipe: Recipe) -> Iterator[str]:
    """The second image's bytes hash to its asset, and measuring them again gives what the row says."""
    said = record.reference
    if (feature is None) != (said is None or record.storage == "link_only"):
        yield "its second image is published without a description, or missing" if feature else "has no second image"
    if feature is None or said is None:
        return
    words = "its second image", "its second image is not the one that the row describes"
    yield from _measured(partial(_embedded, feature["bytes"]), "memory", said, words, recipe)


def _beside(name: str | None, record: Record, dataset_uri: str, recipe: Recipe) -> Iterator[str]:
    """A large video lies under its own hash; it is hashed and measured like the embedded ones."""
    uri = f"{dataset_uri}/{name}"
    if not name or record.asset_id not in name or not exists(uri):
        yield f"its medium is neither embedded nor the file beside it ({name})"
        return
    words = "its medium", "the file beside it is not the medium that the row describes"
    yield from _measured(open_uri, uri, record, words, recipe)


def _is_locked(record: Record) -> bool:
    return isinstance(record.media, Document) and record.media.is_encrypted


def _embedded(data: bytes, _: str) -> BinaryIO:
    """Opens the bytes of a row; runs in a decoder process."""
    return io.BytesIO(data)


def _measured(
    opened: OpenUri,
    uri: str,
    said: Record | Reference,
    words: tuple[str, str],
    recipe: Recipe,
    password: str | None = None,
) -> Iterator[str]:
    """A line where a decoder process measures something else than is ``said``; ``words`` are its name and that line."""
    name, differs = words
    limits = recipe.limits
    try:
        found = (
            shared_sandbox(limits)
            .submit(measure, opened, uri, file_name=said.file_name, limits=limits, password=password)
            .result()
        )
    except SampleError as error:
        yield f"{name} cannot be decoded: {error.message}"
        return
    if (found.asset_id, found.byte_size, found.media) != (said.asset_id, said.byte_size, said.media):
        yield differs


def _preview(row: dict[str, Any], record: Record, config: Config, recipe: Recipe) -> Iterator[str]:
    """The preview is the one that medium and regions give; of a large video beside the shards it is not made again."""
    medium, said = row[MEDIA_COLUMN[config]], row.get("preview")
    if not recipe.dataset.preview or medium is None:
        return
    if preview(medium["bytes"], record, recipe.taxonomy, recipe.limits) != (said and said["bytes"]):
        yield "its preview is not what its medium and regions give"


def _mask(row: dict[str, Any], record: Record, taxonomy: Taxonomy) -> Iterator[str]:
    if not isinstance(record.media, Image):
        return
    mask = row["mask"]
    if mask is None or not mask["bytes"]:
        yield "has no mask picture"
    elif not _shows(mask["bytes"], record.in_medium(record.regions), taxonomy, record.media):
        yield "its mask picture is not that of its regions"


def _shows(png: bytes, regions: Sequence[Region], taxonomy: Taxonomy, image: Image) -> bool:
    """Whether a mask picture is that of the regions; another version of zlib writes the same picture otherwise."""
    if png == label_map_png(regions, taxonomy, image.width, image.height):
        return True
    if not (content_end("PNG", png) == len(png) and all(chunk.is_intact for chunk in png_chunks(png))):
        return False
    try:
        labels = read_label_map(png)
    except (OSError, SyntaxError):
        return False
    return np.array_equal(labels, label_map(regions, taxonomy, image.width, image.height))
