"""A candidate as a Label Studio prediction: regions, texts and choices that open as a fresh annotation."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.base import content_id
from schemas.candidate import Attribute, Candidate, Region
from schemas.errors import VerdictError
from schemas.geometry import (
    Box,
    Keyframe,
    Mask,
    Polygon,
    box_from_mask,
    box_from_polygons,
    mask_from_box,
    mask_from_polygons,
)
from schemas.sample import Sample

from . import controls
from .bitmask import data_url_from_mask
from .brush import rle_from_mask
from .controls import GEOMETRY_TAGS, Geometry, suffix
from .geometry import mask_shown, percent_from_box, percent_from_polygon
from .label_config import LabelConfig
from .tasks import Picture, layout_of, pictures
from .tracks import sequence_from_track

__all__ = ["prediction", "region_key"]

Result = dict[str, Any]

_KEY_CHARS = 10


def prediction(
    candidate: Candidate,
    sample: Sample,
    config: LabelConfig,
    data: Mapping[str, Any],
    *,
    model_version: str | None = None,
) -> dict[str, Any]:
    """``{"model_version", "score", "result"}``; ``data`` is the task's (task_data).

    ``model_version`` defaults to the candidate's machine and model: Label Studio shows a prediction only where
    it equals the project's. Equal arguments give equal predictions. Raises VerdictError for a region that the
    config cannot show: a category or a geometry that it has no control for, a page that there is not.
    """
    shown = pictures(sample, data, config.layout or layout_of(sample))
    results = [result for region in candidate.regions for result in _of_region(region, candidate, shown, config)]
    results += _of_sample(candidate, shown[0].to_name, config)
    version = model_version or f"{candidate.machine}:{candidate.model}".rstrip(":")
    scores = [region.score for region in candidate.regions if region.score is not None]
    score = candidate.verdict_score if candidate.verdict_score is not None else min(scores, default=None)
    return {"model_version": version, **({} if score is None else {"score": score}), "result": results}


def region_key(candidate: Candidate, region_id: str) -> str:
    """The 10 characters by which a candidate's region is known in Label Studio, the same on every run."""
    return _key("region", candidate.candidate_id, region_id)


def _key(*parts: str) -> str:
    digest = bytes.fromhex(content_id(*parts))
    return base64.urlsafe_b64encode(digest).decode("ascii")[:_KEY_CHARS]


# One region


def _of_region(
    region: Region, candidate: Candidate, shown: tuple[Picture, ...], config: LabelConfig
) -> Iterator[Result]:
    picture = _picture_of(region, shown)
    position = [each.to_name for each in shown if each.item_index in (None, 0)].index(picture.to_name)
    control, kind, place = _drawn(region, picture, position, config)
    base = _base(region_key(candidate, region.region_id), picture)
    word = kind if kind.endswith("labels") else "labels"
    score = {} if region.score is None else {"score": region.score}
    yield {
        **base,
        "from_name": control,
        "type": kind,
        "value": {**place, word: [_category(region, control, config)]},
        **score,
    }
    end = suffix(position)
    if region.explanation and config.control(controls.REGION_EXPLANATION + end):
        value = {**place, "text": [region.explanation]}
        yield {**base, "from_name": controls.REGION_EXPLANATION + end, "type": "textarea", "value": value}
    asked = candidate.answers[:1]  # the page shows one question: what another one rests on is no evidence of it
    if config.control(controls.EVIDENCE + end) and any(region.region_id in a.region_ids for a in asked):
        value = {**place, "choices": [controls.SUPPORTS]}
        yield {**base, "from_name": controls.EVIDENCE + end, "type": "choices", "value": value}


def _picture_of(region: Region, shown: tuple[Picture, ...]) -> Picture:
    for picture in shown:
        if region.asset_id in ("", picture.asset.asset_id) and region.page_index == picture.item_index:
            return picture
    page = "" if region.page_index is None else f" on page {region.page_index}"
    raise VerdictError(
        f"region {region.region_id}{page} lies in nothing that the task shows", remedy="check the machine that made it"
    )


def _base(key: str, picture: Picture) -> Result:
    """What every result of a region shares; clips state no size."""
    base: Result = {"id": key, "to_name": picture.to_name}
    if picture.space.clock is None:
        base |= {"original_width": picture.space.shown_width, "original_height": picture.space.shown_height}
        base["image_rotation"] = 0
    return base if picture.item_index is None else {**base, "item_index": picture.item_index}


def _category(region: Region, control: str, config: LabelConfig) -> str:
    found = config.control(controls.LABELS if control == controls.TRACK else control)
    if found is None or region.category not in found.labels:
        raise VerdictError(
            f"region {region.region_id}: {region.category!r} is no label of control {control!r}",
            remedy="submit with the taxonomy that the machine was given",
        )
    return region.category


def _drawn(region: Region, picture: Picture, position: int, config: LabelConfig) -> tuple[str, str, Result]:
    """Control, type and place of the region in the finest geometry that it has and the config can show."""
    if picture.space.clock is not None:
        return _drawn_in_clip(region, picture)
    end = suffix(position)
    for geometry in _preferred(region):
        if config.control(geometry + end):
            return geometry + end, GEOMETRY_TAGS[geometry].lower(), _place(geometry, region, picture)
    raise VerdictError(f"region {region.region_id} has no geometry that the config can show", remedy="add a geometry")


def _preferred(region: Region) -> tuple[Geometry, ...]:
    """The tools, the one that loses least of the region first; a polygon of Label Studio is one ring without holes."""
    if len(region.polygons) == 1 and not region.polygons[0].holes:
        return "polygon", "brush", "bitmask", "box"
    if region.polygons or region.mask:
        return "brush", "bitmask", "box", "polygon"
    return "box", "polygon", "brush", "bitmask"


def _place(geometry: Geometry, region: Region, picture: Picture) -> Result:
    """The region in one geometry."""
    if geometry == "box":
        return percent_from_box(_bounds(region, picture), picture.space)
    if geometry == "polygon":
        is_ring = len(region.polygons) == 1 and not region.polygons[0].holes
        polygon = region.polygons[0] if is_ring else _corners(_bounds(region, picture))
        return {"points": percent_from_polygon(polygon, picture.space), "closed": True}
    pixels = mask_shown(_mask(region, picture), picture.space)
    if geometry == "brush":
        return {"format": "rle", "rle": rle_from_mask(pixels)}
    return {"format": "bitmask", "imageDataURL": data_url_from_mask(pixels)}


def _bounds(region: Region, picture: Picture) -> Box:
    """The region's box; a region that names only its page is all of it."""
    if region.box:
        return region.box
    if region.polygons:
        return box_from_polygons(region.polygons)
    if region.mask:
        return box_from_mask(region.mask)
    return Box(x1=0, y1=0, x2=picture.space.width, y2=picture.space.height)


def _mask(region: Region, picture: Picture) -> Mask:
    width, height = max(round(picture.space.width), 1), max(round(picture.space.height), 1)
    if region.mask:
        return region.mask
    if region.polygons:
        return mask_from_polygons(region.polygons, width, height)
    return mask_from_box(_bounds(region, picture), width, height)


def _corners(box: Box) -> Polygon:
    return Polygon(exterior=((box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)))


def _drawn_in_clip(region: Region, picture: Picture) -> tuple[str, str, Result]:
    """A moving box as a track, a stretch without a place on the timeline; a box in one frame lasts that frame."""
    clock = picture.space.frames
    if region.track:
        return controls.TRACK, "videorectangle", sequence_from_track(region.track, picture.space)
    if region.span and not (region.box or region.polygons or region.mask):
        start, end = clock.numbers_of_span(region.span.start_s, region.span.end_s)
        return controls.TIMELINE, "timelinelabels", {"ranges": [{"start": start, "end": end}]}
    box = _bounds(region, picture)
    track = sequence_from_track(_standing(box, region, picture), picture.space)
    return controls.TRACK, "videorectangle", track


def _standing(box: Box, region: Region, picture: Picture) -> tuple[Keyframe, ...]:
    """A box that stands still for one frame, for its span, or for the whole clip."""
    clock = picture.space.frames
    first, end = clock.frames_of_span(region.span.start_s, region.span.end_s) if region.span else (0, clock.num_frames)
    if region.frame_index is not None:
        first, end = region.frame_index, region.frame_index + 1
    keyframes = [Keyframe(frame_index=first, pts_s=clock.pts_s(first), box=box)]
    if end < clock.num_frames:
        keyframes.append(Keyframe(frame_index=end, pts_s=clock.pts_s(end), box=box, is_visible=False))
    return tuple(keyframes)


# The sample as a whole


def _of_sample(candidate: Candidate, to_name: str, config: LabelConfig) -> Iterator[Result]:
    def said(control: str, kind: str, value: Result) -> Result:
        key = _key("sample", candidate.candidate_id, control)
        return {"id": key, "from_name": control, "to_name": to_name, "type": kind, "value": value}

    if candidate.verdict and config.control(controls.VERDICT):
        yield said(controls.VERDICT, "choices", {"choices": [candidate.verdict]})
    if candidate.explanation.strip() and config.control(controls.EXPLANATION):
        yield said(controls.EXPLANATION, "textarea", {"text": [candidate.explanation]})
    answer = candidate.answers[0].answer if candidate.answers else ""
    if answer and config.control(controls.ANSWER):
        yield said(controls.ANSWER, "textarea", {"text": [answer]})
    choice = config.control(controls.CHOICE)
    if choice and answer in choice.labels:
        yield said(controls.CHOICE, "choices", {"choices": [answer]})
    for attribute in candidate.attributes:
        for control, kind, value in _graded(attribute, config):
            yield said(control, kind, value)


def _graded(attribute: Attribute, config: LabelConfig) -> Iterator[tuple[str, str, Result]]:
    values = config.control(controls.ATTRIBUTE + attribute.name)
    if values and attribute.value in values.labels:
        yield values.name, "choices", {"choices": [attribute.value]}
    score = config.control(controls.SCORE + attribute.name)
    if score and attribute.score is not None:
        if score.tag == "Rating":
            yield score.name, "rating", {"rating": round(attribute.score)}
        else:
            yield score.name, "number", {"number": attribute.score}
    if attribute.reason and config.control(controls.REASON + attribute.name):
        yield controls.REASON + attribute.name, "textarea", {"text": [attribute.reason]}
