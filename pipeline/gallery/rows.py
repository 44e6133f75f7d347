"""What a row shows: words to filter and search by, texts with their evidence, and outlines in layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from schemas.candidate import Region
from schemas.media.types import Document, Media, Video
from schemas.record import Record, Reference

from ..report.outlines import outlines, view_size
from ..thumbnails import Thumbnail
from ..untrusted import visible
from .pictures import View
from .views import space_of, views_of

__all__ = ["Layers", "Row", "disagreements", "facets_of", "layers_of", "row_of"]

MAX_TEXT = 3_000
"""Characters of one text that the page shows; the dataset has all of it."""
DECIDED = ("reviewed", "adjudicated")
CONFIG_OF = {"image": "images", "video": "videos", "document": "documents"}

SECOND = View(is_second=True)

Layers = Mapping[str, Sequence[Region]]
"""Regions by whose they are, in the order in which they are drawn."""


class Row(NamedTuple):
    """A row on its way to the page."""

    sample_id: str
    asset_id: str
    media: Media
    views: tuple[View, ...]
    cover: int
    """The view that the overview shows: the one with the most outlines."""
    facets: Mapping[str, tuple[str, ...]]
    """Words to filter by."""
    text: str
    """Lower-case text that a search looks through."""
    facts: dict[str, Any]
    """What the page shows of it, ready for JSON."""
    second_id: str = ""
    """The asset of a pair's second image."""


def row_of(record: Record, layers: Layers, more: Mapping[str, Any], facets: Mapping[str, tuple[str, ...]]) -> Row:
    """A record with the regions of its layers; ``more`` are further facts."""
    here = {name: record.in_medium(regions) for name, regions in layers.items()}
    views = views_of(record.media, [region for regions in here.values() for region in regions])
    number = {region.region_id: n for n, region in enumerate(record.regions, start=1)}
    shown = [_view(record.media, view, here, number) for view in views]
    drawn = [sum(len(paths) for paths in one["layers"].values()) for one in shown]
    if record.reference:
        views, shown = (*views, SECOND), [{**shown[0], "label": "image"}, _second(record.reference, layers, number)]
    texts = tuple(dict.fromkeys(_texts(record, layers)))
    return Row(
        sample_id=record.sample_id,
        asset_id=record.asset_id,
        media=record.media,
        views=views,
        cover=drawn.index(max(drawn)),
        facets=facets,
        text=visible("\n".join(texts)).lower(),
        facts={**_facts(record), "views": shown, **more},
        second_id=record.reference.asset_id if record.reference else "",
    )


def layers_of(record: Record, proposed: Sequence[Region] | None) -> dict[str, Sequence[Region]]:
    """Known truth, what machines say and what people say; ``proposed`` is what those who decided were shown.

    Of a row that a person decided all its regions are the people's word, changed or let stand.
    """
    human = [r for r in record.regions if r.source == "human" or record.review in DECIDED]
    machine = [r for r in record.regions if r.source != "human"] if proposed is None else list(proposed)
    return {"truth": record.ground_truth, "machine": machine, "human": human}


def facets_of(record: Record) -> dict[str, tuple[str, ...]]:
    """What a person can filter by; several words where several are true, none where none is."""
    named = record.generator.name if record.generator else None
    facets: dict[str, Sequence[str]] = {
        "config": (CONFIG_OF[record.media.kind],),
        "split": (record.split,),
        "origin": (record.origin,),
        "verdict": (record.verdict or "none",),
        "category": sorted({region.category for region in record.regions}),
        "drawn by": sorted({region.source for region in record.regions}),
        "annotation": (record.annotation_status,),
        "review": (record.review,),
        "disagreement": tuple(disagreements(record)),
        "generator": (named,) if named else (),
    }
    return {name: tuple(visible(word) for word in words) for name, words in facets.items()}


def disagreements(record: Record) -> Iterator[str]:
    """Who contradicts whom, in words."""
    if len({line.verdict for line in record.lineage if line.verdict}) > 1 or _is_split(record):
        yield "machines differ"
    if any(source.source in ("human", "earlier") for source in record.field_sources):
        yield "people against machines"
    if any(agreement.value < 1 for agreement in record.agreement):
        yield "people differ"
    if "unknown" != record.origin != (record.verdict or record.origin) != "unclear":
        yield "verdict against origin"


def _is_split(record: Record) -> bool:
    agreement = record.machine_agreement
    if agreement is None:
        return False
    shares = [agreement.verdict_share, *(region.share for region in agreement.regions)]
    return any(share is not None and share < 1 for share in shares)


def _texts(record: Record, layers: Layers) -> Iterator[str]:
    yield from (record.file_name, record.explanation)
    if record.reference:
        yield record.reference.file_name
    for regions in layers.values():
        for region in regions:
            yield from (region.category, region.phrase, region.explanation)
    for answer in record.answers:
        yield from (answer.question, answer.answer)


def _facts(record: Record) -> dict[str, Any]:
    number = {region.region_id: n for n, region in enumerate(record.regions, start=1)}
    return {
        "id": record.sample_id,
        "name": visible(record.file_name),
        "medium": _medium(record.media) + _compared(record),
        "explanation": list(_segments(record, number)),
        "regions": [_region(region, record) for region in record.regions],
        "answers": [[_text(a.question), _text(a.answer), _numbers(a.region_ids, number)] for a in record.answers],
        "attributes": [[_text(a.name), _text(a.value or _number(a.score)), _text(a.reason)] for a in record.attributes],
        "machines": [[_text(line.machine), _text(line.model), line.verdict or ""] for line in record.lineage],
        "source": [_text(part) for part in (record.source.name, record.source.licence) if part],
    }


def _segments(record: Record, number: Mapping[str, int]) -> Iterator[list[Any]]:
    """The explanation cut where claims begin and end: ``[text, numbers of the regions it rests on, is a claim]``.

    Cut here because claims count Unicode characters and JavaScript counts UTF-16 units.
    """
    text = record.explanation[:MAX_TEXT]
    edges = {min(edge, len(text)) for claim in record.claims for edge in (claim.start, claim.end)}
    cuts = sorted({0, len(text), *edges})
    for start, end in pairwise(cuts):
        claims = [claim for claim in record.claims if claim.start <= start and end <= claim.end]
        evidence = sorted({n for claim in claims for n in _numbers(claim.region_ids, number)})
        yield [visible(text[start:end]), evidence, bool(claims)]
    if len(record.explanation) > MAX_TEXT:
        yield [f"… {len(record.explanation) - MAX_TEXT:,} more characters in the dataset", [], False]


def _numbers(region_ids: Sequence[str], number: Mapping[str, int]) -> list[int]:
    return [number[i] for i in region_ids if i in number]


def _region(region: Region, record: Record) -> dict[str, Any]:
    where = _where(region) if record.in_medium([region]) else "in the second image"
    said = {"phrase": _text(region.phrase), "why": _text(region.explanation), "where": where}
    given = {name: text for name, text in said.items() if text}
    return {"category": visible(region.category), "source": region.source, "score": region.score, **given}


def _where(region: Region) -> str:
    """Page and time, as far as the region says; places in a still speak for themselves."""
    if region.page_index is not None:
        return f"page {region.page_index + 1}"
    if region.span:
        return f"{region.span.start_s:.2f} to {region.span.end_s:.2f} s"
    if region.track:
        return f"{region.track[0].pts_s:.2f} to {region.track[-1].pts_s:.2f} s"
    return f"at {region.pts_s:.2f} s" if region.pts_s is not None else ""


def _view(media: Media, view: View, layers: Layers, number: Mapping[str, int]) -> dict[str, Any]:
    space = space_of(media, view)
    drawn = {name: _paths(regions, space, number) for name, regions in layers.items()}
    return {"size": view_size(space), "label": _label(media, space), "layers": {n: p for n, p in drawn.items() if p}}


def _second(second: Reference, layers: Layers, number: Mapping[str, int]) -> dict[str, Any]:
    """The image that a pair's first one is compared with, and what lies in it."""
    own = {name: [r for r in regions if r.asset_id == second.asset_id] for name, regions in layers.items()}
    return {**_view(second.media, SECOND, own, number), "label": second.role}


def _paths(regions: Sequence[Region], space: Thumbnail, number: Mapping[str, int]) -> list[list[Any]]:
    """``[category, SVG path data, number of the published region of that id or 0]`` of what is seen."""
    numbers = [number.get(region.region_id, 0) for region in regions]
    return [[visible(one.category), one.path, numbers[one.number - 1]] for one in outlines(regions, space)]


def _label(media: Media, space: Thumbnail) -> str:
    if isinstance(media, Document) and space.page_index is not None:
        return f"page {space.page_index + 1} of {media.num_pages}"
    return f"{space.pts_s:.2f} s" if isinstance(media, Video) and space.pts_s is not None else ""


def _medium(media: Media) -> str:
    if isinstance(media, Document):
        return f"{visible(media.format)}, {media.num_pages:,} {'page' if media.num_pages == 1 else 'pages'}"
    length = f", {media.duration_s:.1f} s" if isinstance(media, Video) else ""
    name = media.codec if isinstance(media, Video) else media.format
    return f"{visible(name)}, {media.width:,} × {media.height:,}{length}"


def _compared(record: Record) -> str:
    return f"; compared with {visible(record.reference.file_name)}" if record.reference else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _text(text: str | None) -> str:
    return visible((text or "")[:MAX_TEXT])
