"""The segmenting machine: earlier candidates again, with pixels where there were boxes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import annotators.machines
from annotators.base import Workbench
from annotators.machines.segment import Config, Segment
from annotators.sandbox import Sandbox
from schemas.candidate import Candidate, Claim, Region
from schemas.checks import check_region
from schemas.errors import AnswerError, ConfigError, MediaError
from schemas.geometry import Box, mask_from_array, mask_from_polygons, mask_iou
from schemas.plugins import configure
from schemas.sample import Sample

WORDS = "The disc is odd."


@pytest.fixture
def scene(make_image: Callable[..., Sample]) -> tuple[Sample, np.ndarray]:
    """A sample whose picture, 160 x 120, holds a red disc on a blue ground; and the disc."""
    import hashlib
    import io
    from pathlib import Path

    from PIL import Image as Picture

    sample = make_image(size=(160, 120), format="PNG")
    rows, columns = np.mgrid[0:120, 0:160] + 0.5
    disc = (columns - 80) ** 2 + (rows - 60) ** 2 < 35**2
    grain = np.random.default_rng(0).normal(0, 8, (120, 160, 1))
    pixels = np.clip(np.where(disc[..., None], [200, 60, 50], [40, 70, 160]) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    Path(sample.primary.uri).write_bytes(data)
    asset = sample.primary.evolve(asset_id=hashlib.sha256(data).hexdigest(), byte_size=len(data))
    return sample.evolve(assets=(asset,)), disc


def region(region_id: str, **fields: Any) -> Region:
    box = Box(x1=45, y1=25, x2=115, y2=95)
    return Region(**{"region_id": region_id, "box": box, "category": "blur", "source": "machine", **fields})


def earlier(sample: Sample, *regions: Region, name: str = "vlm") -> Candidate:
    return Candidate(
        candidate_id=f"{name}-1",
        sample_id=sample.sample_id,
        machine=name,
        kind="vlm",
        model="m",
        prompt_sha256="0" * 64,
        verdict="generated",
        explanation=WORDS,
        claims=(Claim(start=0, end=len(WORDS), region_ids=("r1",)),),
        regions=regions,
        answer_key="1" * 64,
    )


@pytest.fixture
def refine(make_bench: Callable[..., Workbench], sandbox: Sandbox) -> Callable[..., tuple[Candidate, ...]]:
    def run(sample: Sample, *candidates: Candidate, **options: Any) -> tuple[Candidate, ...]:
        async def propose() -> tuple[Candidate, ...]:
            machine = Segment(Config(after=("vlm",), **options))
            await machine.connect(make_bench(sandbox=sandbox))
            found = await machine.propose_after(sample, candidates)
            await machine.close()
            return found

        return asyncio.run(propose())

    return run


def test_a_box_becomes_pixels_and_everything_said_stays(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray], make_bench: Callable[..., Workbench]
) -> None:
    sample, disc = scene
    before = earlier(sample, region("r1"))
    (found,) = refine(sample, before)
    (cut,) = found.regions
    assert mask_iou(cut.mask, mask_from_array(disc, "threshold")) > 0.9
    assert cut.mask == mask_from_polygons(cut.polygons, 160, 120)
    assert (cut.region_id, cut.box, cut.source) == ("r1", before.regions[0].box, "derived")
    assert check_region(cut, sample.primary.media, make_bench().taxonomy) == ()
    assert (found.verdict, found.explanation, found.claims) == (before.verdict, before.explanation, before.claims)
    assert (found.parent_ids, found.chosen_id) == (("vlm-1",), "vlm-1")
    assert (found.machine, found.kind, found.model, found.answer_key) == ("segment", "segment", "grabcut-1", "")
    assert json.loads(found.parameters)["rasterizer"] == "pycocotools"


def test_a_mask_without_polygons_is_outlined_where_that_is_wanted(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, disc = scene
    ring = disc.copy()
    ring[50:70, 70:90] = False
    before = earlier(sample, region("r1", box=None, mask=mask_from_array(ring, "threshold")))
    assert refine(sample, before)[0].regions == before.regions
    ((outlined,),) = (found.regions for found in refine(sample, before, outlines=True))
    assert len(outlined.polygons[0].holes) == 1
    assert outlined.mask == mask_from_polygons(outlined.polygons, 160, 120)
    assert mask_iou(outlined.mask, before.regions[0].mask) > 0.97
    ((filled,),) = (found.regions for found in refine(sample, before, outlines=True, holes=False))
    assert [polygon.holes for polygon in filled.polygons] == [()]
    assert mask_iou(filled.mask, mask_from_array(disc, "threshold")) > 0.97


def test_the_error_of_every_outline_is_measured(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, _ = scene
    (found,) = refine(sample, earlier(sample, region("r1")), max_error_px=0.7)
    numbers = {m.name: m.value for m in found.measurements}
    assert numbers["outline_deviation"] <= 0.7
    assert numbers["outline_iou"] > 0.95
    assert (numbers["is_guess"], numbers["map_scale"] < 1) == (0, True)
    assert {m.region_id for m in found.measurements} == {"r1"}


def test_equal_questions_have_one_id_and_other_options_another(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, _ = scene
    before = earlier(sample, region("r1"))
    first, second, other = (refine(sample, before, **o)[0] for o in ({}, {}, {"max_error_px": 3}))
    assert first.evolve(latency_s=0) == second.evolve(latency_s=0)
    assert first.candidate_id != other.candidate_id


def test_what_has_pixels_or_no_place_stays_as_it_is(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, disc = scene
    drawn = region("drawn", mask=mask_from_array(disc, "painted"))
    far = region("elsewhere", asset_id="f" * 64)
    (found,) = refine(sample, earlier(sample, drawn, far, region("r1")))
    assert found.regions[:2] == (drawn, far)
    assert found.regions[2].mask is not None


def test_only_so_many_boxes_are_cut(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, _ = scene
    (found,) = refine(sample, earlier(sample, region("r1"), region("r2")), max_regions=1)
    assert [bool(r.mask) for r in found.regions] == [True, False]


def test_each_earlier_candidate_is_refined_by_itself(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, _ = scene
    one, other = refine(sample, earlier(sample, region("r1")), earlier(sample, region("r1"), name="other"))
    assert (one.parent_ids, other.parent_ids) == (("vlm-1",), ("other-1",))
    assert one.candidate_id != other.candidate_id
    assert one.regions == other.regions


def test_a_picture_that_changed_is_a_media_error(
    refine: Callable[..., tuple[Candidate, ...]], scene: tuple[Sample, np.ndarray]
) -> None:
    sample, _ = scene
    asset = sample.primary.evolve(asset_id="0" * 64)
    with pytest.raises(MediaError, match="has changed since it was measured"):
        refine(sample.evolve(assets=(asset,)), earlier(sample, region("r1")))


def test_alone_it_has_nothing_to_look_into(scene: tuple[Sample, np.ndarray]) -> None:
    sample, _ = scene
    with pytest.raises(AnswerError, match="was given no candidates"):
        asyncio.run(Segment(Config()).propose(sample))


def test_the_segmenter_is_chosen_by_its_kind_and_checked() -> None:
    options = {"kind": "segment", "segmenter": {"kind": "sam_onnx", "encoder": "e.onnx", "decoder": "d.onnx"}}
    config = configure(annotators.machines, options, where="machines.0")
    assert config.model_asked == "sam_onnx"
    with pytest.raises(ConfigError, match=r"no encoder at 'e\.onnx'"):
        Segment(config).check(None)
    with pytest.raises(ConfigError, match="unknown field 'enkoder', did you mean 'encoder'"):
        configure(
            annotators.machines, {"kind": "segment", "segmenter": {"kind": "sam_onnx", "enkoder": "e"}}, where="x"
        )
    with pytest.raises(ConfigError, match=r"unknown annotators\.segmenters kind 'sam'"):
        configure(annotators.machines, {"kind": "segment", "segmenter": {"kind": "sam"}}, where="x")
