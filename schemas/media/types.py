"""What is measured of an image, a video and a document: one class per modality, one union.

All sizes are ``(width, height)`` of the *upright* medium, the space in which every geometry of
Witnessmark lives; what the file stores before orientation or rotation stands beside it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ..base import Frozen

__all__ = ["Document", "Image", "Media", "Modality", "Page", "Video"]

Modality = Literal["image", "video", "document"]


class Image(Frozen):
    """A still image, or a still container with a frame table (GIF, APNG, WebP, AVIF)."""

    kind: Literal["image"] = "image"
    format: str
    """Format found in the content, by Pillow's name (JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, ...)."""
    mode: str
    """Pixel mode by Pillow's name (RGB, RGBA, L, P, CMYK, I;16, ...), as stored."""
    width: PositiveInt
    """Width in pixels of the upright image (after EXIF orientation)."""
    height: PositiveInt
    """Height in pixels of the upright image (after EXIF orientation)."""
    stored_width: PositiveInt
    """Width in pixels as stored in the file."""
    stored_height: PositiveInt
    """Height in pixels as stored in the file."""
    exif_orientation: int = Field(1, ge=1, le=8)
    """EXIF orientation, 1 to 8; 1 where the file states none or an invalid one."""
    num_frames: PositiveInt = 1
    """Number of frames; more than 1 for animated stills."""
    frame_durations_ms: tuple[NonNegativeInt, ...] = ()
    """How long each frame is shown, in milliseconds; empty for a single frame."""
    jpeg_quality: int | None = Field(None, ge=1, le=100)
    """Quality of a JPEG by its luminance table: exact for files of the IJG's library, else the nearest."""
    jpeg_tables: str = ""
    """Which quantization tables a JPEG has: 16 hex digits, equal for equal tables; empty for other formats."""
    chroma_subsampling: str = ""
    """How a JPEG stores color: ``4:4:4``, ``4:2:2``, ``4:2:0``, ...; empty for gray and other formats."""
    metadata: tuple[str, ...] = ()
    """Which kinds the file carries, of c2pa, comment, exif, icc, iptc, text (of a PNG) and xmp."""


class Video(Frozen):
    """A video stream, with the presentation time of every frame."""

    kind: Literal["video"] = "video"
    format: str
    """Container found in the content, by FFmpeg's name (mov,mp4,m4a,3gp,3g2,mj2; matroska,webm; ...)."""
    codec: str
    """Codec of the video stream, by FFmpeg's name (h264, vp9, av1, ...)."""
    width: PositiveInt
    """Width in pixels of the upright frame (after the rotation of the display matrix)."""
    height: PositiveInt
    """Height in pixels of the upright frame (after the rotation of the display matrix)."""
    stored_width: PositiveInt
    """Width in pixels of the coded frame."""
    stored_height: PositiveInt
    """Height in pixels of the coded frame."""
    rotation_deg: Literal[0, 90, 180, 270] = 0
    """Clockwise rotation in degrees that makes the stored frame upright."""
    duration_s: NonNegativeFloat
    """Seconds from the first frame's start to the last frame's end."""
    fps: PositiveFloat
    """Average frames per second as the stream states it."""
    is_variable_fps: bool = False
    """Whether the spacing of the frames varies by more than one tick of the time base."""
    num_frames: PositiveInt
    """Number of frames in presentation order: the length of frame_pts."""
    time_base_num: PositiveInt
    """Numerator of the time base: a tick lasts time_base_num / time_base_den seconds."""
    time_base_den: PositiveInt
    """Denominator of the time base."""
    frame_pts: tuple[int, ...]
    """Exact presentation time of every frame in ticks of the time base, ascending."""
    has_audio: bool = False
    """Whether the container holds an audio stream."""

    def pts_s(self, frame_index: int) -> float:
        """Presentation time of a frame in seconds from the first frame (a stream may start at any tick)."""
        return (self.frame_pts[frame_index] - self.frame_pts[0]) * self.time_base_num / self.time_base_den


class Page(Frozen):
    """One page of a document, in reading order."""

    page_index: NonNegativeInt
    """0-based index of the page."""
    width: PositiveFloat
    """Width of the upright page in pixels at ``dpi`` (for a PDF: points)."""
    height: PositiveFloat
    """Height of the upright page in pixels at ``dpi`` (for a PDF: points)."""
    dpi: PositiveFloat = 72.0
    """Pixels per inch of this page's coordinates: 72 for a PDF, where a pixel is a point."""
    rotation_deg: Literal[0, 90, 180, 270] = 0
    """Clockwise rotation in degrees that makes the stored page upright."""


class Document(Frozen):
    """A paged document: a PDF or a multi-page TIFF."""

    kind: Literal["document"] = "document"
    format: str
    """Format found in the content: PDF or TIFF."""
    num_pages: PositiveInt
    """Number of pages: the length of ``pages``."""
    pages: tuple[Page, ...]
    """Size and rotation of every page."""
    is_encrypted: bool = False
    """Whether the file is encrypted (it was opened with the empty password or one from the manifest)."""
    has_text_layer: bool = False
    """Whether any page carries text that can be selected."""


Media = Annotated[Image | Video | Document, Field(discriminator="kind")]
