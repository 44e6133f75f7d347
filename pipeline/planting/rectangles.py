"""Pictures that hold one rectangle at a known place, to learn what the numbers of a model's boxes mean."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from schemas.geometry import Box
from schemas.media.types import Image
from schemas.sample import Asset, Sample, TaskInput, sample_id_of

__all__ = ["SIZES", "Target", "sample_of", "targets"]

SIZES = (
    *((640, 480), (480, 640), (800, 800), (1280, 720), (720, 1280), (1000, 400), (400, 1000)),
    *((1920, 1080), (1080, 1920), (1700, 1600), (333, 777), (1024, 768)),
)
"""Width and height in pixels; some larger than a view, so that pixels of the original and of the view differ."""
COLORS = ("red", "blue", "green", "black", "purple", "orange")


class Target(NamedTuple):
    """What a picture shows, and where."""

    size: tuple[int, int]
    color: str
    box: Box


def targets(count: int, seed: int = 0, sizes: Sequence[tuple[int, int]] = SIZES) -> Iterator[Target]:
    """Seeded places; the n-th is the same whatever the count."""
    for number in range(count):
        draw = Random(f"{seed}-{number}")  # noqa: S311 - pictures, not secrets
        size = sizes[number % len(sizes)]
        x1, x2 = _stretch(draw, size[0])
        y1, y2 = _stretch(draw, size[1])
        yield Target(size, COLORS[number % len(COLORS)], Box(x1=x1, y1=y1, x2=x2, y2=y2))


def _stretch(draw: Random, side: int) -> tuple[int, int]:
    """A box's extent along one side, 4 to 50 percent of it; two in five end at the far edge."""
    length = max(4, round(side * 0.04 * 12.5 ** draw.random()))
    start = side - length if draw.random() < 0.4 else draw.randint(1, max(1, side - length))
    return start, start + length


def _drawn(target: Target) -> bytes:
    """A PNG with a palette: encoded in a tenth of the time that three channels take."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    picture, box = Picture.new("P", target.size), target.box
    background, color = picture.palette.getcolor((255, 255, 255)), picture.palette.getcolor(_rgb(target.color))  # type: ignore[union-attr]
    picture.paste(background, (0, 0, *target.size))
    ImageDraw.Draw(picture).rectangle((box.x1, box.y1, box.x2 - 1, box.y2 - 1), fill=color)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _rgb(color: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    red, green, blue, *_ = ImageColor.getrgb(color)
    return red, green, blue


def sample_of(target: Target, path: Path) -> Sample:
    """The picture, written to ``path``, as a measured sample."""
    png, (width, height) = _drawn(target), target.size
    path.write_bytes(png)
    media = Image(format="PNG", mode="P", width=width, height=height, stored_width=width, stored_height=height)
    asset = Asset(
        asset_id=hashlib.sha256(png).hexdigest(), uri=str(path), file_name=path.name, byte_size=len(png), media=media
    )
    return Sample(sample_id=sample_id_of((asset,), TaskInput()), item_id=path.name, assets=(asset,))
