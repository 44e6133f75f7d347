from __future__ import annotations

from typing import Any

import pytest

from annotators.labelstudio.export_files import found_in
from tests.clips import CLIP

FRAME = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "enabled": True}


def track(frame: int, **stated: Any) -> dict[str, Any]:
    value = {"sequence": [{**FRAME, "frame": frame}], "labels": ["Car"], **stated}
    return {"id": "t", "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value}


def span(start: int, end: int) -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": ["Cut"]}
    return {"id": "s", "from_name": "time", "to_name": "video", "type": "timelinelabels", "value": value}


@pytest.mark.parametrize(
    ("stated", "frame_index"),
    [
        ({"framesCount": 100, "duration": 10.0}, 48),
        ({"framesCount": 240, "duration": 10.0}, 20),
        ({"framesCount": 240}, 20),
        ({"framesCount": 101, "duration": 10.0}, 48),
        ({"framesCount": 241, "duration": 10.001}, 20),
        ({"framesCount": 155, "duration": 10.0}, 30),
        ({"framesCount": 10**30, "duration": 10.0}, 48),
        ({}, 48),
        ({"framesCount": "many"}, 48),
        ({"framesCount": 240, "duration": 0}, 20),
    ],
)
def test_a_number_means_the_frame_of_the_clip_that_the_project_showed(stated: Any, frame_index: int) -> None:
    (region,) = found_in({"result": [track(49, **stated)]}, clip=CLIP).regions
    assert [(k.frame_index, k.pts_s) for k in region.track] == [(frame_index, frame_index / 10)]


def test_a_keyframe_s_time_states_the_rate_exactly() -> None:
    entries = [{**FRAME, "frame": 1, "time": 1 / 24}, {**FRAME, "frame": 49, "time": 49 / 24}]
    value = {"framesCount": 100, "duration": 10.0, "sequence": entries, "labels": ["Car"]}
    (region,) = found_in({"result": [{**track(1), "value": value}]}, clip=CLIP).regions
    assert [k.frame_index for k in region.track] == [0, 20]


def test_a_stretch_of_time_is_counted_at_the_rate_of_the_tracks_beside_it() -> None:
    (alone,) = found_in({"result": [span(1, 48)]}, clip=CLIP).regions
    _, beside = found_in({"result": [track(1, framesCount=240, duration=10.0), span(1, 48)]}, clip=CLIP).regions
    assert alone.span is not None
    assert beside.span is not None
    assert (alone.span.end_s, beside.span.end_s) == (4.8, 2.0)


def test_a_track_of_another_clip_is_refused() -> None:
    found = found_in({"result": [track(1, framesCount=100, duration=20.0)]}, clip=CLIP)
    assert found.regions == ()
    assert found.refused == ("videorectangle t: drawn on a clip of 20 s, this one has 10 s",)
    assert found_in({"result": [track(1, framesCount=100, duration=10.5)]}, clip=CLIP).refused == ()
