"""Samples of every layout with candidates, and the configs that show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import settings

from annotators.labelstudio.label_config import LabelConfig, label_config
from annotators.labelstudio.predictions import prediction
from annotators.labelstudio.tasks import Shown, layout_of, task_data
from schemas.base import content_id
from schemas.candidate import Answer, Candidate, Region
from schemas.geometry import Box, Keyframe, Polygon, TimeSpan, mask_from_array
from schemas.media.types import Document, Image, Media, Page, Video
from schemas.sample import Asset, Role, Sample, TaskInput
from schemas.task import Task
from schemas.taxonomy import Category, Level, Taxonomy

settings.register_profile("witnessmark", deadline=None, max_examples=25, print_blob=True)
settings.load_profile("witnessmark")

TAXONOMY = Taxonomy(
    name="made",
    version="1",
    levels=(Level(name="all"),),
    categories=(
        Category(name="texture", level="all", definition='Looks "waxy" & <smooth>,\n costs $5.'),
        Category(name="shape", level="all", definition="Is bent."),
        Category(name="frozen", level="all", definition="Stands still.", modalities=("video",)),
    ),
)
IMAGE = Image(format="JPEG", mode="RGB", width=640, height=480, stored_width=640, stored_height=480)
PAGES = Document(
    format="PDF",
    num_pages=3,
    pages=tuple(Page(page_index=index, width=612.0, height=792.0) for index in range(3)),
)
CLIP = Video(
    format="matroska,webm",
    codec="vp8",
    width=320,
    height=240,
    stored_width=320,
    stored_height=240,
    duration_s=1.2,
    fps=10.0,
    is_variable_fps=True,
    num_frames=8,
    time_base_num=1,
    time_base_den=1000,
    frame_pts=(0, 40, 140, 180, 500, 540, 580, 1100),
)


class Work(NamedTuple):
    """One task: what it shows, and what a person would find."""

    sample: Sample
    candidate: Candidate
    config: LabelConfig
    data: dict[str, Any]

    def predicted(self) -> list[dict[str, Any]]:
        """The prediction's result as it comes back through JSON."""
        sent = json.dumps(prediction(self.candidate, self.sample, self.config, self.data)["result"])
        result: list[dict[str, Any]] = json.loads(sent)
        return result


def asset(name: str, media: Media, role: Role = "primary") -> Asset:
    return Asset(asset_id=content_id(name), role=role, uri=f"/{name}", file_name=name, byte_size=7, media=media)


def sample_of(*assets: Asset, question: str | None = None) -> Sample:
    task_input = TaskInput(question=question)
    return Sample(sample_id=content_id(assets[0].asset_id), item_id="item", assets=assets, task_input=task_input)


def work(
    sample: Sample,
    regions: Sequence[Region],
    *,
    task: Task | None = None,
    candidate: dict[str, Any] | None = None,
    scale: float = 1.0,
    **options: Any,
) -> Work:
    made = Candidate(
        candidate_id=content_id("candidate"),
        sample_id=sample.sample_id,
        machine="vlm",
        kind="vlm",
        model="m",
        regions=tuple(regions),
        **{"verdict": "generated", "verdict_score": 0.75, "explanation": "All of it\nis waxy.", **(candidate or {})},
    )
    config = label_config(TAXONOMY, task or Task(), layout_of(sample), **options)
    texts = ("Page one.", "Page two.", "Page three.") if options.get("has_text") else ()
    data = task_data(sample, shown_of(sample, scale), config, sample_key="key", page_texts=texts)
    return Work(sample, made, config, data)


def shown_of(sample: Sample, scale: float) -> list[Shown]:
    primary = sample.primary
    if isinstance(primary.media, Document):
        return [
            Shown(
                url=f"/page/{page.page_index}.png",
                width=round(page.width * scale),
                height=round(page.height * scale),
                asset_id=primary.asset_id,
                page_index=page.page_index,
            )
            for page in primary.media.pages
        ]
    return [
        Shown(url=f"/{a.file_name}", width=a.media.width, height=a.media.height, asset_id=a.asset_id)
        for a in sample.assets
        if not isinstance(a.media, Document)
    ]


def region(name: str, **fields: Any) -> Region:
    return Region(
        **{"region_id": name, "category": "texture", "explanation": f"Why {name}.", "source": "machine", **fields}
    )


@pytest.fixture
def picture() -> Work:
    """A box, an outline and a mask in an image."""
    disk = np.hypot(*(np.mgrid[:480, :640] - np.array([[[200]], [[300]]]))) < 40
    regions = (
        region("box", box=Box(x1=64, y1=48, x2=128.5, y2=97.25), score=0.9),
        region("outline", polygons=(Polygon(exterior=((10, 10), (60, 12), (33.3, 70))),), category="shape"),
        region("mask", mask=mask_from_array(disk, "threshold"), score=0.25),
    )
    return work(sample_of(asset("photo.jpg", IMAGE)), regions)


@pytest.fixture
def pages() -> Work:
    """Evidence on the second and third page of a document, for an answer; a page without a place."""
    regions = (
        region("total", box=Box(x1=100, y1=200, x2=300, y2=220), page_index=1),
        region("whole", page_index=2),
    )
    answers = (Answer(question="How much?", answer="12 EUR", region_ids=("total",)),)
    sample = sample_of(asset("report.pdf", PAGES), question="How much?")
    task = Task(kind="document_qa")
    return work(sample, regions, task=task, candidate={"answers": answers}, scale=2.0, has_text=True)


@pytest.fixture
def clip() -> Work:
    """A track that ends, a stretch of time, and a box in a single frame, in a clip of variable rate."""
    box = Box(x1=10, y1=20, x2=110, y2=120)
    keyframes = (
        Keyframe(frame_index=1, pts_s=0.04, box=box),
        Keyframe(frame_index=3, pts_s=0.18, box=box.evolve(x1=30, x2=130)),
        Keyframe(frame_index=5, pts_s=0.54, box=box.evolve(x1=30, x2=130), is_visible=False),
    )
    regions = (
        region("track", track=keyframes),
        region("span", span=TimeSpan(start_s=0.14, end_s=0.5), category="frozen"),
        region("moment", box=box, frame_index=4, pts_s=0.5),
    )
    return work(sample_of(asset("clip.webm", CLIP)), regions)


@pytest.fixture
def pair() -> Work:
    """A region in each of two images side by side."""
    first, second = asset("real.jpg", IMAGE), asset("fake.jpg", IMAGE.evolve(width=320, height=240), "reference")
    box = Box(x1=16, y1=24, x2=32, y2=48)
    regions = (
        region("left", box=box, asset_id=first.asset_id),
        region("right", box=box, asset_id=second.asset_id, category="shape"),
    )
    return work(sample_of(first, second), regions)
