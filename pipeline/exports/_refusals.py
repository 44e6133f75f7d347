"""What formats of flat polygons cannot hold, in words."""

from __future__ import annotations

from collections.abc import Callable

from schemas.candidate import Region
from schemas.media.types import Image
from schemas.record import Record
from schemas.taxonomy import Taxonomy

from .base import Refusal

__all__ = ["no_flat_polygons", "no_medium", "no_second_image", "refusal_of"]

NotOutlined = Callable[[Region], str]


def no_flat_polygons(record: Record, taxonomy: Taxonomy) -> str:
    """Why a format of images with flat polygons cannot hold a record; empty where it can."""
    if not isinstance(record.media, Image):
        return f"a {record.media.kind}: the format holds still images only"
    reasons = (_reason(region, record, taxonomy) for region in record.regions)
    return "; ".join(filter(None, reasons))


def no_medium(record: Record) -> str:
    """Why a format that ships its media cannot hold a record; empty where it can."""
    return "only a link to it may be published: the format ships its media" if record.storage == "link_only" else ""


def no_second_image(record: Record) -> str:
    """Why a format that shows one medium a sample cannot hold a record; empty where it can."""
    elsewhere = [r.region_id for r in record.regions if not record.in_medium([r])]
    return f"region {elsewhere[0]} lies in the second image: the format shows one" if elsewhere else ""


def refusal_of(record: Record, reason: str) -> Refusal:
    """The line of ``refused.jsonl``."""
    return Refusal(sample_id=record.sample_id, file_name=record.file_name, reason=reason)


def _reason(region: Region, record: Record, taxonomy: Taxonomy) -> str:
    held = {
        "a time span": region.span is None,
        "a track": not region.track,
        "a page": region.page_index is None,
        "a frame after the first": not region.frame_index,
        "a place in another asset": region.asset_id in ("", record.asset_id),
        f"the category {region.category!r}, which the taxonomy lacks": region.category in taxonomy.names(),
        "no polygon": bool(region.polygons),
        "a hole": not any(polygon.holes for polygon in region.polygons),
    }
    missing = [name for name, is_held in held.items() if not is_held]
    return f"region {region.region_id} has {', '.join(missing)}" if missing else ""
