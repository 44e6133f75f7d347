"""How much a single file may ask for before it is refused: bombs end as rejections, not as dead workers."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt

from ..base import Frozen

__all__ = ["DEFAULT_LIMITS", "Limits"]

MIB = 2**20


class Limits(Frozen):
    """Bounds on what is read and decoded; a file beyond one of them is rejected with the number it broke."""

    max_file_bytes: PositiveInt = 4096 * MIB
    """Largest file that is read at all, in bytes."""
    max_in_memory_bytes: PositiveInt = 512 * MIB
    """Largest image or document, in bytes: these are read whole, videos are streamed."""
    max_pixels: PositiveInt = 100_000_000
    """Largest width x height of an image, a frame, or a page at its own resolution."""
    max_side: PositiveInt = 65_535
    """Longest side in pixels."""
    max_frames: PositiveInt = 100_000
    """Most frames of a video or an animated still."""
    max_pages: PositiveInt = 5_000
    """Most pages of a document."""
    max_duration_s: PositiveFloat = 4 * 3600.0
    """Longest video in seconds, by its frames (not by what its header claims)."""
    decode_timeout_s: PositiveFloat = 30.0
    """Seconds that a decoder may compute for one file before it is stopped. One that only waits is stopped after as
    many; one that gets too little of a crowded machine goes on, until it has taken four times as long."""
    decode_memory_bytes: PositiveInt = 1536 * MIB
    """Memory in bytes that one decoder process may allocate."""
    max_text_bytes: PositiveInt = 64 * 1024
    """Most bytes kept of any text that a file carries about itself."""


DEFAULT_LIMITS = Limits()
