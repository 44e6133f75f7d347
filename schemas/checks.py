"""Whether an annotation is true to its medium: what a type alone cannot know.

Each check answers a defect that was published by a real dataset or is known to break readers.
A check reports, it never repairs: whoever holds the row decides what becomes of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from .candidate import Candidate, Region
from .geometry import Box, box_from_mask, box_holds, clamp_box, clamp_polygon, mask_area, polygon_defects
from .media.types import Document, Image, Media, Page, Video
from .record import Record
from .taxonomy import Taxonomy

__all__ = ["Defect", "check_candidate", "check_record", "check_region", "is_placeholder"]

Size = tuple[float, float]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SPLIT = re.compile(r"\w+(\.\w+)*")
"""What the Hub takes for a split name."""
_PLACEHOLDERS = re.compile(
    r"((no|missing|your|insert|write|add|the|an) )*explanation( missing|( goes)? here)?|missing|n a|na|nan|nil|none|"
    r"null|undefined|unknown|tba|tbd|todo|text|string|placeholder|lorem ipsum|x+|not (applicable|available)|"
    r"(same )?as above|see above|asdf\w*|(?P<word>\w+)( (?P=word)){3,}|blah( blah)*|(?P<letter>\w)(?P=letter){3,}"
)
"""Words alone, lower case, without punctuation: what stands where somebody meant to write."""
_TOLERANCE_S = 1e-3
"""Containers round a duration to a millisecond."""


class Defect(NamedTuple):
    """One thing that is wrong."""

    code: str
    """Short machine-readable name."""
    message: str
    """What is wrong, with which thing, in a sentence."""


def check_record(record: Record, taxonomy: Taxonomy) -> tuple[Defect, ...]:
    """Everything that is wrong with a published row; ``taxonomy`` is the one it names."""
    return (
        *_identity(record, taxonomy),
        *_media(record.media),
        *_regions(record, taxonomy),
        *_text(record),
        *_references(record),
        *_status(record),
    )


def check_candidate(candidate: Candidate, media: Mapping[str, Media], taxonomy: Taxonomy) -> tuple[Defect, ...]:
    """Everything for which a row with this candidate's annotation would be refused.

    ``media`` are the sample's by asset id, the primary one also under the empty id.
    """
    return (*_placed("regions", candidate.regions, media, taxonomy), *_text(candidate), *_references(candidate))


def check_region(region: Region, media: Media, taxonomy: Taxonomy | None) -> tuple[Defect, ...]:
    """Everything that is wrong with a region of that medium.

    Without a taxonomy neither its category nor whether its rings cross is asked: ground truth keeps
    the words and the outlines of its source (thousands of COCO's own polygons cross themselves).
    """
    defects = [*_category(region, media, taxonomy), *_moment(region, media), *_track(region, media)]
    size = _size(region, media)
    if size:
        defects += [*_bounds(region, size), *_mask(region, size)]
    if taxonomy is not None:
        defects += [
            Defect("broken_polygon", words) for polygon in region.polygons for words in polygon_defects(polygon)
        ]
    if region.explanation and is_placeholder(region.explanation):
        defects.append(Defect("placeholder_explanation", f"it explains itself with {region.explanation!r}"))
    return tuple(Defect(code, f"region {region.region_id}: {message}") for code, message in defects)


def is_placeholder(text: str) -> bool:
    """Whether the text only holds the place of one: ``Missing explanation``, ``N/A``, ``...``."""
    words = " ".join(re.findall(r"\w+", text.casefold()))
    return not words or _PLACEHOLDERS.fullmatch(words) is not None


# A region in its medium


def _category(region: Region, media: Media, taxonomy: Taxonomy | None) -> Iterator[Defect]:
    if taxonomy is None or region.category in taxonomy.names(media.kind):
        return
    if region.category in taxonomy.names():
        yield Defect("category_elsewhere", f"{region.category!r} cannot occur in {_a(media)}")
        return
    meant = taxonomy.resolve(region.category)
    hint = f"; {meant!r} is meant" if meant else ""
    yield Defect("unknown_category", f"{region.category!r} is not in {taxonomy.id}{hint}")


def _moment(region: Region, media: Media) -> Iterator[Defect]:
    is_drawn = bool(region.box or region.polygons or region.mask)
    if isinstance(media, Document):
        yield from _page(region, media, is_drawn)
    elif region.page_index is not None:
        yield Defect("no_such_page", f"page {region.page_index} of {_a(media)}")
    if isinstance(media, Video):
        if is_drawn and region.frame_index is None and not (region.span or region.track):
            yield Defect("time_missing", "drawn in a video, but no frame, span or track says when")
        yield from _frame(region.frame_index, region.pts_s, media)
        yield from _span(region, media)
    elif region.span or region.track:
        yield Defect("time_in_still", f"a time span or track in {_a(media)}")
    if isinstance(media, Image) and (region.frame_index or 0) >= media.num_frames:
        yield Defect("no_such_frame", f"frame {region.frame_index} of {media.num_frames}")


def _page(region: Region, media: Document, is_drawn: bool) -> Iterator[Defect]:
    if region.page_index is None and is_drawn:
        yield Defect("page_missing", "drawn in a document, but no page says where")
    if region.page_index is not None and region.page_index >= len(media.pages):
        yield Defect("no_such_page", f"page {region.page_index} of {len(media.pages)}")
    if region.frame_index is not None:
        yield Defect("no_such_frame", f"frame {region.frame_index} of a document")


def _frame(frame_index: int | None, pts_s: float | None, media: Video) -> Iterator[Defect]:
    if frame_index is None:
        return
    if frame_index >= len(media.frame_pts):
        yield Defect("no_such_frame", f"frame {frame_index} of {len(media.frame_pts)}")
    elif pts_s is not None and abs(pts_s - media.pts_s(frame_index)) > _TOLERANCE_S:
        yield Defect(
            "pts_disagrees", f"frame {frame_index} is shown at {media.pts_s(frame_index):.6f} s, not {pts_s:.6f} s"
        )


def _span(region: Region, media: Video) -> Iterator[Defect]:
    end_s = max(media.duration_s, media.duration_s + (media.pts_s(0) if media.frame_pts else 0))
    if region.span and region.span.end_s > end_s + _TOLERANCE_S:
        yield Defect("span_outside", f"ends at {region.span.end_s:.3f} s of a clip that ends at {end_s:.3f} s")


def _track(region: Region, media: Media) -> Iterator[Defect]:
    if not isinstance(media, Video):
        return
    for before, after in pairwise(region.track):
        if after.frame_index <= before.frame_index:
            yield Defect("track_order", f"keyframe {after.frame_index} comes after {before.frame_index}")
    for keyframe in region.track:
        yield from _frame(keyframe.frame_index, keyframe.pts_s, media)
        yield from _outside(keyframe.box, (media.width, media.height), f"keyframe {keyframe.frame_index}: ")


def _bounds(region: Region, size: Size) -> Iterator[Defect]:
    if region.box:
        yield from _outside(region.box, size, "")
    for polygon in region.polygons:
        try:
            clamp_polygon(polygon, *size)
        except ValueError as error:
            yield Defect("out_of_bounds", str(error))


def _outside(box: Box, size: Size, where: str) -> Iterator[Defect]:
    try:
        clamp_box(box, *size)
    except ValueError as error:
        yield Defect("out_of_bounds", f"{where}{error}")


def _mask(region: Region, size: Size) -> Iterator[Defect]:
    mask = region.mask
    if mask is None:
        return
    if abs(mask.width - size[0]) >= 1 or abs(mask.height - size[1]) >= 1:
        yield Defect("mask_size", f"its mask is {mask.width} x {mask.height} px, the medium {size[0]:g} x {size[1]:g}")
    elif not mask_area(mask):
        yield Defect("empty_mask", "its mask holds no pixel")
    elif region.box and not box_holds(region.box, box_from_mask(mask)):
        yield Defect("mask_outside_box", "its mask reaches out of its box by more than the pixel at the edge")


def _size(region: Region, media: Media) -> Size | None:
    """Width and height that the region lives in; None where there is no such page."""
    if not isinstance(media, Document):
        return media.width, media.height
    page = _page_at(media.pages, region.page_index)
    return (page.width, page.height) if page else None


def _page_at(pages: Sequence[Page], page_index: int | None) -> Page | None:
    return pages[page_index] if page_index is not None and page_index < len(pages) else None


def _a(media: Media) -> str:
    return f"an {media.kind}" if media.kind == "image" else f"a {media.kind}"


# A row in itself


def _identity(record: Record, taxonomy: Taxonomy) -> Iterator[Defect]:
    hashes = [("sample_id", record.sample_id), ("asset_id", record.asset_id)]
    hashes += [("perceptual_hashes", value) for value in record.perceptual_hashes]
    if record.reference:
        hashes += [("reference.asset_id", record.reference.asset_id)]
        hashes += [("reference.perceptual_hashes", value) for value in record.reference.perceptual_hashes]
    hashes += [("lineage.candidate_id", lineage.candidate_id) for lineage in record.lineage]
    hashes += [("lineage.prompt_sha256", x.prompt_sha256) for x in record.lineage if x.prompt_sha256]
    for name, value in hashes:
        if not _SHA256.fullmatch(value):
            yield Defect("not_a_hash", f"{name} is {value!r}, not 64 lower-case hex digits")
    if record.taxonomy != taxonomy.id:
        yield Defect("other_taxonomy", f"the row names {record.taxonomy!r}, the categories are of {taxonomy.id!r}")
    if not _SPLIT.fullmatch(record.split):
        yield Defect("no_split", f"{record.split!r} is no split name")
    if not record.group_id:
        yield Defect("no_group", "no group says what must not straddle splits")
    names = (record.file_name, record.reference.file_name if record.reference else "")
    for name in (name for name in names if "/" in name or "\0" in name):
        yield Defect("file_name_is_path", f"{name!r} is a path; a reader would write outside its folder")
    if record.reference and not (isinstance(record.media, Image) and record.role == "primary"):
        yield Defect("reference_of_no_image", f"{_a(record.media)} has a second image beside it")
    if record.reference and record.reference.asset_id == record.asset_id:
        yield Defect("reference_is_itself", "the second image has the bytes of the first one")


def _media(media: Media) -> Iterator[Defect]:
    if isinstance(media, Video):
        if media.num_frames != len(media.frame_pts):
            yield Defect("frame_count", f"{media.num_frames} frames, but {len(media.frame_pts)} presentation times")
        if any(after < before for before, after in pairwise(media.frame_pts)):
            yield Defect("frame_order", "presentation times go back")
    if isinstance(media, Document) and [page.page_index for page in media.pages] != list(range(media.num_pages)):
        yield Defect("page_count", f"{media.num_pages} pages, but the page table does not list them one by one")


def _regions(record: Record, taxonomy: Taxonomy) -> Iterator[Defect]:
    media: dict[str, Media] = {"": record.media, record.asset_id: record.media}
    if record.reference:
        media.setdefault(record.reference.asset_id, record.reference.media)
    yield from _placed("regions", record.regions, media, taxonomy)
    yield from _placed("ground_truth", record.ground_truth, media, None)


def _placed(
    name: str, regions: Sequence[Region], media: Mapping[str, Media], taxonomy: Taxonomy | None
) -> Iterator[Defect]:
    for region_id in _twice([region.region_id for region in regions]):
        yield Defect("region_twice", f"{name}: {region_id!r} names several regions")
    for region in regions:
        yield from check_region(region, media.get(region.asset_id, media[""]), taxonomy)
        if region.asset_id not in media:
            yield Defect("unknown_asset", f"region {region.region_id}: lies in {region.asset_id!r}, not in this row")


def _text(record: Record | Candidate) -> Iterator[Defect]:
    if record.explanation and is_placeholder(record.explanation):
        yield Defect("placeholder_explanation", f"the explanation is {record.explanation!r}")
    for claim in record.claims:
        if not claim.start < claim.end <= len(record.explanation):
            stretch = f"characters {claim.start} to {claim.end}"
            yield Defect("claim_outside", f"{stretch} of an explanation of {len(record.explanation)}")


def _references(record: Record | Candidate) -> Iterator[Defect]:
    known = {region.region_id for region in record.regions}
    cited = [("a claim", claim.region_ids) for claim in record.claims]
    cited += [("an answer", answer.region_ids) for answer in record.answers]
    for who, region_ids in cited:
        for region_id in sorted(set(region_ids) - known):
            yield Defect("no_such_region", f"{who} cites {region_id!r}, which is no region of this row")


def _status(record: Record) -> Iterator[Defect]:
    has_person = record.review in ("reviewed", "adjudicated")
    said = bool(record.regions or record.verdict or record.attributes or record.answers)
    if has_person and not (record.verification_ids and record.reviewers):
        yield Defect("review_without_person", f"{record.review}, but nobody and no verification is named")
    if record.annotation_status == "annotated" and not (said or record.explanation or record.ground_truth):
        yield Defect("annotated_nothing", "annotated, but there is no annotation")
    if record.annotation_status == "not_annotated" and said:
        yield Defect("annotated_unsaid", "not_annotated, but there is an annotation")
    if record.annotation_status == "annotated_clean":
        yield from _clean(record, has_person)


def _clean(record: Record, has_person: bool) -> Iterator[Defect]:
    if record.regions or record.ground_truth:
        yield Defect("clean_with_regions", "annotated_clean, but there are regions")
    if not (has_person or record.has_ground_truth):
        yield Defect("clean_without_person", "annotated_clean, but neither a person nor the ground truth says so")


def _twice(names: Sequence[str]) -> list[str]:
    if len(set(names)) == len(names):  # nearly always, and a Counter costs ten times that
        return []
    return sorted(name for name, count in Counter(names).items() if count > 1)
