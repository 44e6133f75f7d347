"""Source ``planted``: free photos, clips and reports with artifacts planted at places that are known exactly.

It tests any annotator: what it proposes can be held against what was planted (``witnessmark evaluate``). Give
``--input`` folders to plant in your own photos instead; they are decoded in this process, so trust them. A
variant and its photo share a group and a pair. Equal options give equal bytes on one machine.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from schemas.base import content_id
from schemas.candidate import Region
from schemas.errors import MediaError
from schemas.geometry import box_from_mask, mask_from_polygons
from schemas.sample import Item, Origin
from schemas.sample import Source as SourceOfMedium

from ..filesystems import FoundFile, open_uri, scan
from ..planting import documents, images, videos
from ..planting.photos import DONORS, Photo, PhotoName, donor, photo_from_bytes, png, shipped_photo
from .base import ItemIds, Source, SourceConfig, SourcePlace, spool

__all__ = ["Config", "Planted"]

Kind = Literal[
    "blur", "smoothing", "noise", "color_shift", "splice", "copy_move", "glyphs", "mixed",
    "frozen_frames", "flicker",
    "pasted_region",
]  # fmt: skip


class Config(SourceConfig):
    """Options of the planted source."""

    kind: Literal["planted"] = "planted"
    seed: int = 0
    """Where and how strongly things are planted follows from it."""
    photos: tuple[PhotoName, ...] = ("astronaut", "camera", "chelsea", "coffee", "rocket")
    """Photos of scikit-image's wheel to plant in; not used where inputs are given."""
    size: int = Field(640, ge=128, le=4096)
    """Longer side in pixels to which larger photos are scaled down; smaller ones keep their pixels."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    """What is planted, one variant each; ``mixed`` holds several artifacts in one picture."""
    clips: int = Field(1, ge=0)
    """How many of the photos, from the first, also become clips of two seconds."""
    reports: int = Field(1, ge=0)
    """How many of the photos, from the last, also become PDF reports of two pages."""


class Planted(Source):
    """Clean and planted variants of every photo. An input is a folder, glob or file of photos."""

    needs_input: ClassVar[bool] = False
    is_fallback: ClassVar[bool] = True
    config: Config

    def accepts(self, uri: str) -> bool:
        """Any name, unless another source of the recipe wants it."""
        return True

    def items(self, place: SourcePlace) -> Iterator[Item]:
        """For each photo a clean picture, one per kind, and its clips; then the reports. Holds few photos at once."""
        last: deque[Photo] = deque(maxlen=self.config.reports)
        left = self.config.clips
        for found in self._photos(place):
            if isinstance(found, Item):
                yield found
                continue
            yield from self._pictures(found, place)
            yield from self._clips(found, place) if left > 0 else ()
            last.append(found)
            left -= 1
        for photo in last:
            yield from self._reports(photo, place)

    def _photos(self, place: SourcePlace) -> Iterator[Photo | Item]:
        """The shipped photos, or each file of the inputs as a photo or as an item that says what is wrong."""
        if not place.inputs:
            yield from (shipped_photo(name, self.config.size) for name in self.config.photos)
            return
        names = ItemIds()
        for label, uri in place.labeled_inputs():
            for found in scan(uri):
                yield self._own_photo(found, names, label, place)

    def _own_photo(self, found: FoundFile, names: ItemIds, label: str, place: SourcePlace) -> Photo | Item:
        file_name = found.relative.rpartition("/")[2]
        try:
            data = _bytes_of(found, place.limits.max_in_memory_bytes)
            name = re.sub(r"[^\w.-]", "_", file_name.rpartition(".")[0] or file_name)
            photo = photo_from_bytes(data, file_name, self.config.size, self.stated(), place.limits)
            return Photo(names.claim(name).replace("#", "-"), photo.pixels, photo.source)
        except MediaError as error:
            item_id = f"{label}/{found.relative}" if label else found.relative
            return _unplanted(item_id, found.uri, file_name, self.stated(), error)

    def _pictures(self, photo: Photo, place: SourcePlace) -> Iterator[Item]:
        yield _item(photo, "clean", ".png", png(photo.pixels), place, origin="real")
        for kind in self._wanted((*images.PLANTERS, "mixed")):
            try:
                yield self._picture(photo, kind, place)
            except MediaError as error:
                file_name = f"{photo.name}__{kind}.png"
                yield _unplanted(f"planted/{file_name}", "", file_name, photo.source, error)

    def _picture(self, photo: Photo, kind: str, place: SourcePlace) -> Item:
        rng = self._rng(photo, kind)
        lender = donor(str(rng.choice(DONORS)), rng)
        scene = images.plant(images.MIXED if kind == "mixed" else (kind,), photo.pixels, lender, rng)
        source = _with_donor(photo, lender) if kind == "splice" else photo.source
        truth = tuple(_region_of(mark, f"truth-{number}") for number, mark in enumerate(scene.marks, 1))
        return _item(photo, kind, ".png", png(scene.pixels), place, origin="edited", source=source, truth=truth)

    def _clips(self, photo: Photo, place: SourcePlace) -> Iterator[Item]:
        if not (kinds := self._wanted(videos.PLANTERS)):
            return
        clean = videos.pan(photo.pixels, self._rng(photo, "pan"))
        yield _item(photo, "clean", ".mp4", videos.encode(clean), place)
        for kind in kinds:
            clip = videos.PLANTERS[kind](clean, self._rng(photo, kind))
            truth = tuple(
                videos.region_of(stretch, f"truth-{number}") for number, stretch in enumerate(clip.stretches, 1)
            )
            yield _item(photo, kind, ".mp4", videos.encode(clip), place, origin="edited", truth=truth)

    def _reports(self, photo: Photo, place: SourcePlace) -> Iterator[Item]:
        if not self._wanted(("pasted_region",)):
            return
        clean = documents.write_report(photo)
        yield _item(photo, "clean", ".pdf", clean.to_pdf(), place, truth=documents.regions_of(clean))
        rng = self._rng(photo, "pasted_region")
        lender = donor(str(rng.choice(DONORS)), rng)
        pasted = documents.paste(documents.write_report(photo), lender, rng)
        yield _item(
            photo, "pasted_region", ".pdf", pasted.to_pdf(), place,
            origin="edited", source=_with_donor(photo, lender), truth=documents.regions_of(pasted),
        )  # fmt: skip

    def _wanted(self, possible: Iterable[str]) -> tuple[str, ...]:
        return tuple(kind for kind in possible if kind in self.config.kinds)

    def _rng(self, photo: Photo, kind: str) -> np.random.Generator:
        return np.random.default_rng(int(content_id(self.config.seed, photo.name, kind)[:16], 16))


def _item(
    photo: Photo, variant: str, suffix: str, data: bytes, place: SourcePlace, *,
    origin: Origin | None = None, source: SourceOfMedium | None = None, truth: tuple[Region, ...] = (),
) -> Item:  # fmt: skip
    """A medium with its complete truth; a made clip or report that nothing was planted in states no origin."""
    file_name = f"{photo.name}__{variant}{suffix}"
    return Item(
        item_id=f"planted/{file_name}",
        uri=spool(place, data),
        file_name=file_name,
        origin=origin,
        source=source or photo.source,
        group_id=photo.name,
        pair_id=f"{photo.name}{suffix}",
        ground_truth=truth,
        has_ground_truth=True,
    )


def _unplanted(item_id: str, uri: str, file_name: str, source: SourceOfMedium, error: MediaError) -> Item:
    return Item(item_id=item_id, uri=uri, file_name=file_name, source=source, error=error.message, remedy=error.remedy)


def _region_of(mark: images.Mark, region_id: str) -> Region:
    height, width = mark.bits.shape
    mask = mask_from_polygons((mark.polygon,), width, height)
    return Region(
        region_id=region_id,
        box=box_from_mask(mask),
        polygons=(mark.polygon,),
        mask=mask,
        category=mark.category,
        explanation=mark.explanation,
        source="ground_truth",
    )


def _with_donor(photo: Photo, lender: Photo) -> SourceOfMedium:
    """The photo's source, with the patch's named beside it, and the licences of both."""
    licences = dict.fromkeys(filter(None, (photo.source.licence, lender.source.licence)))
    name = " + ".join(filter(None, (photo.source.name, lender.source.name)))
    return photo.source.evolve(name=name, licence=" AND ".join(licences) if photo.source.licence else None)


def _bytes_of(found: FoundFile, max_bytes: int) -> bytes:
    """The bytes of a photo. Raises MediaError where it cannot be read or is too large."""
    if found.problem:
        raise MediaError(f"cannot read it: {found.problem}", remedy="give regular, readable photos")
    if found.size > max_bytes:
        raise MediaError(
            f"{found.size} bytes are more than {max_bytes}", remedy="scale it down, or raise limits.max_in_memory_bytes"
        )
    with open_uri(found.uri) as file:
        return file.read()
