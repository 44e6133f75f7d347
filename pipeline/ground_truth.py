"""Ground truth in the space of the medium that was measured: turned upright where its source drew it as stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schemas.candidate import Region
from schemas.checks import check_region
from schemas.geometry import Box, Mask, Point, Polygon, mask_from_array, mask_to_array
from schemas.media.types import Document, Image, Media, Video
from schemas.sample import Finding, Item

__all__ = ["GroundTruth", "fitted", "region_to_upright"]

_MIRRORED_X, _MIRRORED_Y = frozenset({2, 3, 6, 7}), frozenset({3, 4, 7, 8})
"""EXIF orientations (EXIF 2.32, tag 0112h) whose upright image is mirrored, from 5 on after x and y are swapped."""


class GroundTruth(NamedTuple):
    """What of an item's ground truth holds for its medium."""

    regions: tuple[Region, ...]
    """Regions in pixels of the upright medium."""
    is_complete: bool
    """Whether the source called it complete and nothing was left out."""
    findings: tuple[Finding, ...] = ()
    """What was turned, doubted or left out."""


def fitted(item: Item, media: Media) -> GroundTruth:
    """The item's ground truth as far as it fits the medium; whatever is turned or left out is a finding."""
    truth = GroundTruth(item.ground_truth, item.has_ground_truth)
    if item.stated_width and item.stated_height and not isinstance(media, Document):
        truth = _in_upright_space(truth, (item.stated_width, item.stated_height), media)
    return _without_defects(truth, media)


def region_to_upright(region: Region, orientation: int, width: int, height: int) -> Region:
    """A region of the stored image, ``width`` x ``height`` px, in the upright one: exact for every EXIF orientation.

    Its box, polygons and mask are turned; the mask is one of the stored image.
    """

    def turned(point: Point) -> Point:
        return _point_to_upright(point, orientation, width, height)

    def ring(points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple(map(turned, points))

    return region.evolve(
        box=region.box and _box_between(turned((region.box.x1, region.box.y1)), turned((region.box.x2, region.box.y2))),
        polygons=tuple(Polygon(exterior=ring(p.exterior), holes=tuple(map(ring, p.holes))) for p in region.polygons),
        mask=region.mask and _mask_to_upright(region.mask, orientation),
    )


def _point_to_upright(point: Point, orientation: int, width: int, height: int) -> Point:
    x, y = point
    if orientation >= 5:
        x, y, width, height = y, x, height, width
    return (width - x if orientation in _MIRRORED_X else x, height - y if orientation in _MIRRORED_Y else y)


def _box_between(one: Point, other: Point) -> Box:
    (x1, x2), (y1, y2) = (sorted(sides) for sides in zip(one, other, strict=True))
    return Box(x1=x1, y1=y1, x2=x2, y2=y2)


def _mask_to_upright(mask: Mask, orientation: int) -> Mask:
    pixels = mask_to_array(mask)
    pixels = pixels.T if orientation >= 5 else pixels
    pixels = pixels[:, ::-1] if orientation in _MIRRORED_X else pixels
    pixels = pixels[::-1] if orientation in _MIRRORED_Y else pixels
    return mask_from_array(pixels, mask.rasterizer)


def _in_upright_space(truth: GroundTruth, stated: tuple[int, int], media: Image | Video) -> GroundTruth:
    """The stated size tells in which space the source drew; a size that is neither is of another image."""
    upright, stored = (media.width, media.height), (media.stored_width, media.stored_height)
    orientation = media.exif_orientation if isinstance(media, Image) else 1
    if stated == upright:
        is_either = stated == stored and orientation != 1 and truth.regions
        return truth._replace(findings=(_rotation_unknown(stated, orientation),)) if is_either else truth
    if stated == stored and orientation != 1:
        return _turned(truth, orientation, stored, upright)
    return GroundTruth((), False, (_size_disagrees(stated, upright, stored, len(truth.regions)),))


def _turned(truth: GroundTruth, orientation: int, stored: tuple[int, int], upright: tuple[int, int]) -> GroundTruth:
    if not truth.regions:
        return truth
    message = (
        f"the source states {_px(stored)}, as stored; {_counted(len(truth.regions))} turned into the upright "
        f"{_px(upright)} (EXIF {orientation})"
    )
    return truth._replace(
        regions=tuple(region_to_upright(region, orientation, *stored) for region in truth.regions),
        findings=(Finding(code="ground_truth_rotated", message=message),),
    )


def _rotation_unknown(stated: tuple[int, int], orientation: int) -> Finding:
    """Half turns, mirror images and squares keep their size, and then it says nothing about the space."""
    message = (
        f"{_px(stated)} is the size as stored and upright (EXIF {orientation}): the regions are taken as upright, "
        "nobody knows whether their source meant that"
    )
    return Finding(code="ground_truth_rotation_unknown", message=message)


def _size_disagrees(stated: tuple[int, int], upright: tuple[int, int], stored: tuple[int, int], lost: int) -> Finding:
    has = _px(upright) + (f" (stored as {_px(stored)})" if stored != upright else "")
    message = f"the source states {_px(stated)}, the image has {has}: its {_counted(lost)} left out"
    return Finding(code="stated_size_disagrees", message=message)


def _without_defects(truth: GroundTruth, media: Media) -> GroundTruth:
    """Finalize refuses a row with a defective region; here it costs that region only."""
    sound, findings = [], list(truth.findings)
    for region in truth.regions:
        defects = check_region(region, media, None)
        if defects:
            message = f"{'; '.join(defect.message for defect in defects)}; it is left out"
            findings.append(Finding(code="ground_truth_defect", message=message))
        else:
            sound.append(region)
    is_complete = truth.is_complete and len(sound) == len(truth.regions)
    return GroundTruth(tuple(sound), is_complete, tuple(findings))


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"


def _counted(number: int) -> str:
    return f"{number} region is" if number == 1 else f"{number} regions are"
