"""What a segmenter is: a picture and boxes in, a map of probabilities for each box out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.geometry import Box
from schemas.media.types import Document
from schemas.plugins import PluginConfig
from schemas.sample import Asset

if TYPE_CHECKING:
    from ..base import Workbench

__all__ = ["Patch", "Place", "Segmenter", "SegmenterConfig", "probability"]


class SegmenterConfig(PluginConfig):
    """Options that every segmenter has: none but its kind."""


class Place(NamedTuple):
    """One picture of a sample: an image, a frame of it or of a video, a page of a document."""

    asset: Asset
    page_index: int | None = None
    frame_index: int | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in the pixels that geometry is measured in (for a PDF's page: points)."""
        media = self.asset.media
        if isinstance(media, Document):
            page = media.pages[self.page_index or 0]
            return page.width, page.height
        return media.width, media.height


class Patch(NamedTuple):
    """How likely each pixel of a small map belongs to what a box holds, and where the map lies.

    ``x_original = x0 + x_map * scale_x`` and likewise for y, for positions in which pixel i covers [i, i + 1).
    """

    values: NDArray[np.float32]
    """``(h, w)``, 0 to 1: the outline runs where it is 0.5."""
    x0: float
    y0: float
    scale_x: float
    """Original pixels per pixel of the map."""
    scale_y: float
    score: float | None = None
    """What the segmenter thinks of it, 0 to 1."""
    is_guess: bool = False
    """Whether the pixels decided nothing and the usual shape of an object in a box stands there."""


class Segmenter(ABC):
    """One way to cut out. Connections and models open in ``connect``, in the worker."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    @abstractmethod
    def model(self) -> str:
        """Method or model and version, as candidates name it; known after ``connect``."""

    @property
    def identity(self) -> str:
        """What beside the options decides the pixels, e.g. the hash of the weights; known after ``connect``."""
        return self.model

    def check(self) -> None:  # noqa: B027 - most have nothing to check
        """On the launcher, before any work. Raises ConfigError (a missing package, file or key)."""

    async def connect(self, bench: Workbench) -> None:
        """In the worker's event loop, once per process."""
        self.bench = bench

    @abstractmethod
    async def segment(self, place: Place, boxes: tuple[Box, ...]) -> tuple[Patch | None, ...]:
        """A patch for each box, in order; None where there is none. Raises MediaError, AnswerError, ServiceError."""

    async def close(self) -> None:  # noqa: B027
        """When the worker ends."""


def probability(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """A score map of a model, whose outline runs at 0, as probabilities."""
    return (1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))).astype(np.float32)
