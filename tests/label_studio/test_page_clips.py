"""Clips of variable rate on the real page: each number shows the frame that we say, and each frame comes back."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from annotators.labelstudio.frames import FrameClock
from schemas.candidate import Candidate, Region
from schemas.geometry import Box, Keyframe, TimeSpan
from schemas.media.types import Video
from schemas.sample import Sample

from .desk import Desk, bounds, is_outlined

pytestmark = pytest.mark.slow

TIMES_MS = (0, 40, 80, 230, 250, 400, 433, 467, 900, 940, 960, 1500)
"""When each frame begins: 20 to 540 ms apart."""
SECONDS = [time_ms / 1000 for time_ms in TIMES_MS]
SIZE = (320, 240)


def level(index: int) -> int:
    """The gray that tells a frame from the others."""
    return 40 + 12 * index


def uneven_clip() -> bytes:
    """A frame of its own gray at each of TIMES_MS."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "10", "preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time_ms in enumerate(TIMES_MS):
            pixels = np.full((SIZE[1], SIZE[0], 3), level(index), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def box_at(x: float) -> Box:
    return Box(x1=x, y1=100, x2=x + 40, y2=140)


class Uneven(NamedTuple):
    """The clip on its page, with a track and a stretch of time in it."""

    desk: Desk
    clock: FrameClock
    lasting: Region

    def shows(self, index: int) -> bool:
        return self.desk.comes_to_show(f"uneven_frame_{index}", lambda shown: shows_frame(shown, index))

    def shows_box(self, number: int, x: float, *, is_drawn: bool) -> bool:
        """Whether the page comes to show a number's frame with a box drawn there, or with none."""
        index = self.clock.frame_index(number)
        self.desk.go_to_frame(number)
        return self.desk.comes_to_show(f"uneven_{number}", lambda shown: has_box(shown, index, x) is is_drawn)


@pytest.fixture
def uneven(
    hand_out: Callable[..., Desk], make_sample: Callable[..., Sample], propose: Callable[..., Candidate]
) -> Uneven:
    """A box that jumps at frames 3 and 8 and is gone from frame 10 on, and what lasts from frame 2 to before 7."""
    sample = make_sample("uneven.mp4", uneven_clip())
    video = sample.primary.media
    assert isinstance(video, Video)
    assert [video.pts_s(index) for index in range(len(SECONDS))] == SECONDS
    track = tuple(
        Keyframe(frame_index=index, pts_s=SECONDS[index], box=box_at(20 + 10 * index), is_visible=index < 10)
        for index in (0, 3, 8, 10)
    )
    jumping = Region(
        region_id="jumping",
        asset_id=sample.primary.asset_id,
        track=track,
        category="flicker",
        explanation="It jumps.",
        source="machine",
    )
    span = TimeSpan(start_s=SECONDS[2], end_s=SECONDS[7])
    lasting = jumping.evolve(region_id="lasting", track=(), span=span, explanation="It lasts.")
    desk = hand_out([sample], [propose(sample, jumping, lasting)])
    desk.open("uneven.mp4")
    return Uneven(desk, FrameClock.of(video), lasting)


def test_every_number_of_an_uneven_clip_shows_the_frame_that_it_means(uneven: Uneven) -> None:
    clock, is_typed = uneven.clock, range(1, uneven.clock.num_numbers)
    assert uneven.desk.page.locator(".lsf-frames-control").inner_text().split()[-1] == str(clock.num_numbers)
    for index in range(len(SECONDS)):
        for number in sorted({clock.number_of(index), clock.last_number_of(index)} & {*is_typed}):
            uneven.desk.go_to_frame(number)
            assert uneven.shows(index), f"number {number} shows frame {index}"
    assert uneven.shows_box(clock.number_of(3), 50, is_drawn=True)
    assert uneven.shows_box(clock.last_number_of(9), 110, is_drawn=True)
    assert uneven.shows_box(clock.number_of(10), 120, is_drawn=False)


def test_a_box_moved_in_a_frame_of_an_uneven_clip_comes_back_in_that_frame(uneven: Uneven) -> None:
    desk, clock = uneven.desk, uneven.clock
    number, first, last = clock.last_number_of(5), clock.number_of(3), clock.number_of(8)
    desk.select("It jumps.")  # goes to its first frame
    desk.go_to_frame(number)
    assert uneven.shows(5)
    left, top, right, _ = bounds(of_frame(desk.shot("uneven"), 5))
    scale = (right - left) / SIZE[0]
    x = 50 + 50 * (number - first) / (last - first)  # Label Studio moves it evenly by its numbers
    desk.drag((left + (x + 20) * scale, top + 120 * scale), (left + 220 * scale, top + 60 * scale))
    desk.shot("uneven_moved")
    desk.finish("Submit")

    found = desk.collect()["uneven.mp4"]
    assert {change.region_id: change.change for change in found.changes} == {"jumping": "moved", "lasting": "kept"}
    regions = {region.region_id: region for region in found.regions}
    assert regions["lasting"] == uneven.lasting
    track = regions["jumping"].track
    assert [(keyframe.frame_index, keyframe.pts_s, keyframe.is_visible) for keyframe in track] == [
        (index, SECONDS[index], index < 10) for index in (0, 3, 5, 8, 9, 10)
    ]
    by_frame = {keyframe.frame_index: keyframe.box for keyframe in track}
    assert [by_frame[index].x1 for index in (0, 3, 8)] == pytest.approx([20, 50, 100], abs=0.01)
    assert (by_frame[5].x1, by_frame[5].y1, by_frame[5].x2, by_frame[5].y2) == pytest.approx((200, 40, 240, 80), abs=2)


def of_frame(shown: np.ndarray, index: int) -> np.ndarray:
    """The pixels that have the gray of a frame."""
    return np.abs(shown - level(index)).max(-1) <= 3


def shows_frame(shown: np.ndarray, index: int) -> bool:
    """Whether more of the page has a frame's gray than a third of what the clip covers."""
    return bool(of_frame(shown, index).sum() > SIZE[0] * SIZE[1] / 3)


def has_box(shown: np.ndarray, index: int, x: float) -> bool | None:
    """Whether a frame is there with both sides of a box drawn on it; None while another frame is there."""
    if not shows_frame(shown, index):
        return None
    left, top, right, _ = bounds(of_frame(shown, index))
    scale = (right - left) / SIZE[0]
    return all(is_outlined(shown, left + side * scale, top + 120 * scale) for side in (x, x + 40))
