"""Once the convention is known, boxes land where they were seen: on pictures that lie on their side, that are too large
to be shown as they are, and on pages."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from PIL import Image as Picture
from PIL import ImageDraw

from annotators.base import Workbench
from annotators.machines.vlm import Config, VisionModel
from annotators.models.views import medium_size
from annotators.sandbox import Sandbox
from schemas.geometry import Box, box_iou
from schemas.media.limits import DEFAULT_LIMITS
from schemas.media.measure import measure
from schemas.sample import Asset, Sample, TaskInput, sample_id_of
from schemas.task import BOX_CONVENTIONS, BoxConvention

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # for tests.servers
from tests.servers.seer import Seer

OPEN = partial(open, mode="rb")
KINDS: dict[str, tuple[str, tuple[int, int]]] = {
    "upright": ("JPEG", (240, 180)),
    "turned": ("JPEG", (240, 180)),
    "large": ("PNG", (900, 500)),
    "page": ("PDF", (420, 594)),
}
EACH = 6


@pytest.fixture(scope="module")
def pool() -> Iterator[Sandbox]:
    with Sandbox(workers=1, timeout_s=60, memory_bytes=2**31) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Sample, Box]]:
    """Samples of each kind with one dark rectangle, and where it is in the upright medium's pixels."""
    folder = tmp_path_factory.mktemp("known")
    return [drawn(folder, kind, number) for kind in KINDS for number in range(EACH)]


def drawn(folder: Path, kind: str, number: int) -> tuple[str, Sample, Box]:
    (format, (width, height)), draw = KINDS[kind], Random(f"{kind}-{number}")
    x1, y1 = draw.randrange(width // 2), draw.randrange(height // 2)
    x2, y2 = draw.randint(x1 + width // 4, width), draw.randint(y1 + height // 4, height)
    picture = Picture.new("RGB", (width, height), "white")
    ImageDraw.Draw(picture).rectangle((x1, y1, x2 - 1, y2 - 1), fill=(0, 0, 90))
    options: dict[str, Any] = {"quality": 95} if format == "JPEG" else {}
    if kind == "turned":
        exif = Picture.Exif()
        exif[0x0112] = 6
        picture, options["exif"] = picture.transpose(Picture.Transpose.ROTATE_90), exif
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    sample = measured(folder / f"{kind}-{number}.{format.lower()}", buffer.getvalue())
    to_width, to_height = medium_size(sample.primary, 0)
    by_x, by_y = to_width / width, to_height / height
    return kind, sample, Box(x1=x1 * by_x, y1=y1 * by_y, x2=x2 * by_x, y2=y2 * by_y)


def measured(path: Path, data: bytes) -> Sample:
    path.write_bytes(data)
    found = measure(OPEN, str(path), file_name=path.name, limits=DEFAULT_LIMITS)
    asset = Asset(
        asset_id=found.asset_id, uri=str(path), file_name=path.name, byte_size=found.byte_size, media=found.media
    )
    return Sample(sample_id=sample_id_of((asset,), TaskInput()), item_id=path.name, assets=(asset,))


def annotation(numbers: list[float]) -> dict[str, Any]:
    region = {"page": 1, "category": "blur", "box": numbers, "explanation": "A dark rectangle."}
    return {"verdict": "edited", "explanation": "A rectangle was drawn.", "regions": [region]}


@pytest.mark.parametrize("convention", BOX_CONVENTIONS)
def test_boxes_land_where_they_were_seen(
    convention: BoxConvention,
    known: list[tuple[str, Sample, Box]],
    pool: Sandbox,
    make_bench: Callable[..., Workbench],
) -> None:
    ious: dict[str, list[float]] = {kind: [] for kind in KINDS}

    async def ask(machine: VisionModel, bench: Workbench) -> None:
        await machine.connect(bench)
        try:
            for (candidate,), (kind, _, box) in zip(
                await asyncio.gather(*(machine.propose(sample) for _, sample, _ in known)), known, strict=True
            ):
                ious[kind] += [box_iou(region.box, box) for region in candidate.regions if region.box]
        finally:
            await machine.close()

    with Seer(convention, say=annotation) as server:
        config = Config(
            base_url=server.base_url, model="house", convention=convention, max_view_side=400, page_view_side=500
        )
        asyncio.run(ask(VisionModel(config), make_bench(sandbox=pool)))

    assert {kind: len(found) for kind, found in ious.items()} == dict.fromkeys(KINDS, EACH)
    assert all(median(found) > 0.9 for found in ious.values()), ious
