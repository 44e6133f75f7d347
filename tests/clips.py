"""The facts of a clip that nothing is odd about: ten seconds at ten frames per second."""

from __future__ import annotations

from schemas.media.types import Video

__all__ = ["CLIP"]

CLIP = Video(
    format="mp4",
    codec="h264",
    width=200,
    height=100,
    stored_width=200,
    stored_height=100,
    fps=10,
    duration_s=10.0,
    num_frames=100,
    time_base_num=1,
    time_base_den=10,
    frame_pts=tuple(range(100)),
)
