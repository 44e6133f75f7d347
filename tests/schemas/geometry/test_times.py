from __future__ import annotations

import pytest

from schemas.geometry import Box, Keyframe, TimeSpan, span_iou, track_box_at

TRACK = (
    Keyframe(frame_index=10, pts_s=1.0, box=Box(x1=0, y1=0, x2=10, y2=10)),
    Keyframe(frame_index=20, pts_s=2.0, box=Box(x1=10, y1=0, x2=30, y2=10), is_visible=False),
    Keyframe(frame_index=30, pts_s=3.0, box=Box(x1=50, y1=0, x2=60, y2=10)),
)


@pytest.mark.parametrize(
    ("frame_index", "edges"),
    [
        (9, None),
        (10, (0, 10)),
        (15, (5, 20)),
        (20, None),
        (29, None),
        (30, (50, 60)),
        (99, (50, 60)),
    ],
)
def test_a_track_between_its_keyframes(frame_index: int, edges: tuple[float, float] | None) -> None:
    box = track_box_at(TRACK, frame_index)

    assert (box and (box.x1, box.x2)) == edges


def test_a_track_that_ends_unseen_stays_unseen() -> None:
    assert track_box_at(TRACK[:2], 25) is None
    assert track_box_at((), 0) is None


@pytest.mark.parametrize(("other", "iou"), [((0, 4), 1), ((2, 4), 0.5), ((4, 8), 0), ((2, 6), 1 / 3)])
def test_span_iou(other: tuple[float, float], iou: float) -> None:
    one, two = TimeSpan(start_s=0, end_s=4), TimeSpan(start_s=other[0], end_s=other[1])

    assert span_iou(one, two) == pytest.approx(iou)
