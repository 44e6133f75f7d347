"""What somebody may want to change about the measurements; everything else is a constant beside its reason."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from schemas.base import Frozen

__all__ = ["Thresholds"]


class Thresholds(Frozen):
    """Sizes and thresholds of the measurements."""

    max_side: int = Field(1024, ge=128, le=4096)
    """Longer side in pixels at which images are measured; larger ones are scaled down first."""
    min_area_share: float = Field(0.002, gt=0, lt=1)
    """Smallest patch of an image, as a share of its area."""
    max_area_share: float = Field(0.25, gt=0, lt=1)
    """Largest patch of an image: what is larger is the picture's own nature."""
    blur_ratio: float = Field(1.65, gt=1)
    """How many times the noise must rise across the outline of a blurred or smoothed patch."""
    noise_ratio: float = Field(1.65, gt=1)
    """How many times the noise must fall across the outline of a noisy patch."""
    color_step: float = Field(8.0, gt=0)
    """Least step of red over green and blue over green across the outline of a shifted patch, about in percent."""
    max_frames: int = Field(300, ge=3, le=20_000)
    """Frames of a video that are measured, from the first on."""
    min_frozen_frames: int = Field(6, ge=3)
    """Fewest equal frames in a row that count as frozen."""
    flicker_jump: float = Field(1.5, gt=0)
    """Least jump of mean brightness against the neighboring frames, in gray levels."""
    max_pages: int = Field(20, ge=1)
    """Pages of a document that are measured, from the first on."""
    page_side: int = Field(1584, ge=400, le=4096)
    """Longer side in pixels at which pages are rendered: 1584 is 144 dpi of a letter page."""
    paste_sharpness: float = Field(0.75, gt=0, le=1)
    """Ink of a pasted patch is at most so many times as sharp as the page's."""

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.min_area_share < self.max_area_share:
            raise ValueError(f"min_area_share {self.min_area_share} is not below max_area_share {self.max_area_share}")
        return self
