"""The keyless machine on real files: a picture, a clip and a page, decoded in the sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import skimage
from PIL import Image as Picture

import annotators.machines
from annotators.base import Workbench
from annotators.machines.forensic import HONESTY, Config, Forensic
from annotators.sandbox import Sandbox
from schemas.candidate import Candidate
from schemas.errors import ConfigError, MediaError
from schemas.geometry import Box, TimeSpan, box_from_mask, mask_to_array
from schemas.media.limits import DEFAULT_LIMITS, Limits
from schemas.media.types import Document, Image, Media, Page, Video
from schemas.plugins import configure
from schemas.sample import Asset, Sample, TaskInput, sample_id_of
from schemas.taxonomy import Category, Level, Taxonomy

MakeBench = Callable[..., Workbench]
Run = Callable[..., Candidate]


@pytest.fixture
def taxonomy() -> Taxonomy:
    names = ("noise", "blur", "text", "frozen")
    modalities: tuple[Any, ...] = (("image",), ("image",), ("document",), ("video",))
    return Taxonomy(
        name="tiny",
        version="1",
        levels=(Level(name="all"),),
        categories=tuple(
            Category(name=name, level="all", definition=name, aliases=(f"my {name}",), modalities=modality)
            for name, modality in zip(names, modalities, strict=True)
        ),
    )


@pytest.fixture
def run(make_bench: MakeBench, sandbox: Sandbox) -> Run:
    def propose(sample: Sample, limits: Limits = DEFAULT_LIMITS, **options: Any) -> Candidate:
        machine = Forensic(Config(**options))
        asyncio.run(machine.connect(make_bench(sandbox=sandbox, limits=limits)))
        (candidate,) = asyncio.run(machine.propose(sample))
        return candidate

    return propose


def _sample(path: Path, data: bytes, media: Media) -> Sample:
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    asset = Asset(asset_id=sha256, uri=str(path), file_name=path.name, byte_size=len(data), media=media)
    return Sample(sample_id=sample_id_of((asset,), TaskInput()), item_id=path.name, assets=(asset,))


def _image(path: Path, pixels: np.ndarray) -> Sample:
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    height, width = pixels.shape[:2]
    media = Image(format="PNG", mode="RGB", width=width, height=height, stored_width=width, stored_height=height)
    return _sample(path, buffer.getvalue(), media)


def _photo(scale: int = 1) -> np.ndarray:
    path = Path(skimage.__file__).parent / "data" / "chelsea.png"
    photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return photo.repeat(scale, 0).repeat(scale, 1)


def _disc(pixels: np.ndarray, x: int, y: int, radius: int) -> np.ndarray:
    return cv2.circle(np.zeros(pixels.shape[:2], np.uint8), (x, y), radius, 1, -1).astype(np.bool_)


@pytest.fixture
def noisy(tmp_path: Path) -> tuple[Sample, np.ndarray]:
    photo = _photo()
    bits = _disc(photo, 100, 200, 45)
    loud = np.clip(np.rint(photo + np.random.default_rng(0).normal(0, 16, photo.shape)), 0, 255)
    return _image(tmp_path / "noisy.png", np.where(bits[..., None], loud, photo).astype(np.uint8)), bits


def test_a_finding_with_a_category_becomes_a_region(run: Run, noisy: tuple[Sample, np.ndarray]) -> None:
    sample, bits = noisy

    candidate = run(sample, category_map={"noise": "My Noise"})

    (region,) = candidate.regions
    assert (region.region_id, region.category, region.source) == ("forensic-noise-1", "noise", "machine")
    assert region.asset_id == sample.primary.asset_id
    assert region.mask is not None
    found = mask_to_array(region.mask)
    assert (found & bits).sum() / (found | bits).sum() > 0.7
    assert (region.mask.rasterizer, region.box) == ("threshold", box_from_mask(region.mask))
    assert {m.region_id for m in candidate.measurements} == {"forensic-noise-1"}
    level = next(m for m in candidate.measurements if m.name == "noise_level")
    assert f"{level.value:.1f} gray levels here against" in region.explanation
    assert (level.finding, level.unit, level.box) == ("noise", "gray levels", None)


def test_a_finding_without_a_category_stays_evidence(run: Run, noisy: tuple[Sample, np.ndarray]) -> None:
    mapped, unmapped = (run(noisy[0], category_map=m) for m in ({"noise": "noise"}, {}))
    assert (unmapped.regions, unmapped.claims) == ((), ())
    assert [m.name for m in unmapped.measurements] == ["noise_ratio_across_outline", "noise_level"]
    assert {m.box for m in unmapped.measurements} == {mapped.regions[0].box}


def test_the_explanation_is_made_of_claims_and_is_honest(run: Run, noisy: tuple[Sample, np.ndarray]) -> None:
    candidate = run(noisy[0], category_map={"noise": "noise"})
    (claim,) = candidate.claims
    (region,) = candidate.regions
    assert candidate.explanation[claim.start : claim.end] == f"noise: {region.explanation}"
    assert claim.region_ids == (region.region_id,)
    assert candidate.explanation.startswith("Measured the image at 451 x 300 px. ")
    assert candidate.explanation.endswith(HONESTY)
    assert (candidate.verdict, candidate.verdict_score) == (None, None)


def test_equal_input_gives_an_equal_candidate(run: Run, noisy: tuple[Sample, np.ndarray]) -> None:
    one, other = (run(noisy[0], category_map={"noise": "noise"}, name="hand") for _ in range(2))
    assert one.evolve(latency_s=0.0) == other.evolve(latency_s=0.0)
    assert (one.machine, one.kind, one.model) == ("hand", "forensic", "forensic-1")
    assert one.regions[0].region_id == "hand-noise-1"
    assert json.loads(one.parameters)["noise_ratio"] == 1.65
    changed = run(noisy[0], category_map={"noise": "noise"}, name="hand", noise_ratio=2.0)
    assert changed.candidate_id != one.candidate_id


def test_a_clean_photo_has_no_regions(run: Run, tmp_path: Path) -> None:
    candidate = run(_image(tmp_path / "clean.png", _photo()), category_map={"noise": "noise", "blur": "blur"})
    assert (candidate.regions, candidate.measurements) == ((), ())
    assert "Nothing differs from its surroundings beyond the thresholds." in candidate.explanation


def test_regions_of_a_large_picture_are_in_its_own_pixels(run: Run, tmp_path: Path) -> None:
    photo = cv2.resize(_photo(), (1804, 1200), interpolation=cv2.INTER_CUBIC)
    bits = _disc(photo, 400, 800, 180)
    loud = np.clip(np.rint(photo + np.random.default_rng(0).normal(0, 60, photo.shape)), 0, 255)
    sample = _image(tmp_path / "large.png", np.where(bits[..., None], loud, photo).astype(np.uint8))

    (region,) = run(sample, category_map={"noise": "noise"}).regions

    assert region.mask is not None
    assert (region.mask.width, region.mask.height) == (1804, 1200)
    found = mask_to_array(region.mask)
    assert (found & bits).sum() / (found | bits).sum() > 0.7


def test_a_stamp_sized_picture_says_why_nothing_was_measured(run: Run, tmp_path: Path) -> None:
    candidate = run(_image(tmp_path / "stamp.png", _photo()[:40, :40]))
    assert "It is smaller than 64 px: too small to compare its parts." in candidate.explanation


def _freeze(path: Path) -> Sample:
    """40 frames in 2 s; 10 to 24 show one picture."""
    photo = _photo()
    frames = [np.ascontiguousarray(photo[i : i + 192, 2 * i : 2 * i + 256]) for i in range(40)]
    frames[10:25] = [frames[10]] * 15
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 256, 192, "yuv420p", 4_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    media = Video(
        format="mov,mp4,m4a,3gp,3g2,mj2", codec="mpeg4", width=256, height=192, stored_width=256, stored_height=192,
        duration_s=2.0, fps=20, num_frames=40, time_base_num=1, time_base_den=20, frame_pts=tuple(range(40)),
    )  # fmt: skip
    return _sample(path, buffer.getvalue(), media)


def test_a_freeze_becomes_a_time_span(run: Run, tmp_path: Path) -> None:
    candidate = run(_freeze(tmp_path / "freeze.mp4"), category_map={"frozen_frames": "frozen"})

    (region,) = candidate.regions
    assert (region.span, region.frame_index, region.pts_s) == (TimeSpan(start_s=0.5, end_s=1.25), 10, 0.5)
    assert region.explanation.startswith("Frames 10 to 24 show one picture: mean change ")
    assert candidate.explanation.startswith("Measured frames 1 to 40 of 40. ")


def _pdf(*lines: tuple[int, int, str]) -> bytes:
    """One page of 300 x 200 points; lines are ``(x, y from the bottom, text)``. PDFium needs no table."""
    words = "".join(f"BT /F 12 Tf {x} {y} Td ({text}) Tj ET " for x, y, text in lines)
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(words)}>>stream\n{words}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body = "".join(f"{number} 0 obj{content}endobj\n" for number, content in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R>>\n%%EOF".encode()


def _document(path: Path, data: bytes) -> Sample:
    return _sample(path, data, Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=300, height=200),)))


def test_text_blocks_of_a_page_carry_their_words(run: Run, tmp_path: Path) -> None:
    sample = _document(
        tmp_path / "page.pdf", _pdf((50, 150, "Hello there"), (50, 136, "second line"), (50, 60, "apart"))
    )

    candidate = run(sample, category_map={"text_block": "text"})

    first, second = candidate.regions
    assert (first.region_id, first.page_index, first.category) == ("forensic-text_block-1", 0, "text")
    assert first.box is not None
    assert first.box.x1 == pytest.approx(50, abs=2)
    assert first.box.y1 == pytest.approx(200 - 150 - 9, abs=2)
    assert [(m.region_id, m.value, m.text) for m in candidate.measurements] == [
        (first.region_id, 2.0, "Hello there\nsecond line"),
        (second.region_id, 1.0, "apart"),
    ]


def test_unmapped_parts_of_a_page_are_measurements_with_a_box(run: Run, tmp_path: Path) -> None:
    candidate = run(_document(tmp_path / "page.pdf", _pdf((50, 100, "Hello"))))
    (measured,) = candidate.measurements
    assert (measured.finding, measured.page_index, measured.text) == ("text_block", 0, "Hello")
    assert isinstance(measured.box, Box)
    assert candidate.regions == ()


def test_a_document_of_which_no_page_can_be_read_is_a_media_error(run: Run, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="the PDF cannot be read"):
        run(_document(tmp_path / "torn.pdf", b"%PDF-1.4 torn"))


def test_a_torn_picture_is_a_media_error(run: Run, tmp_path: Path) -> None:
    sample = _image(tmp_path / "torn.png", _photo())
    Path(sample.primary.uri).write_bytes(Path(sample.primary.uri).read_bytes()[:5000])
    with pytest.raises(MediaError, match="the image cannot be decoded"):
        run(sample)


@pytest.mark.parametrize(
    ("category_map", "message", "remedy"),
    [
        ({"blurr": "blur"}, "category_map: unknown finding 'blurr'", "did you mean 'blur'?"),
        ({"blur": "blue"}, "category_map: blur: 'blue' is no category of taxonomy tiny@1", "did you mean 'blur'?"),
        (
            {"blur": "text"},
            "category_map: blur is found in the modality image, where category 'text' cannot occur",
            "choose one of noise, blur, or leave it out",
        ),
    ],
)
def test_a_wrong_map_is_refused_before_any_work(
    taxonomy: Taxonomy, category_map: dict[str, str], message: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Forensic(Config(category_map=category_map)).check(taxonomy)
    assert (caught.value.message, caught.value.remedy) == (message, remedy)


def test_the_recipes_limits_hold_for_pictures(run: Run, tmp_path: Path) -> None:
    sample = _image(tmp_path / "photo.png", _photo())
    with pytest.raises(MediaError, match=r"limits\.max_side = 450"):
        run(sample, Limits(max_side=450))


def test_the_recipes_limits_hold_for_pages(run: Run, tmp_path: Path) -> None:
    sample = _document(tmp_path / "page.pdf", _pdf((50, 100, "Hello")))
    with pytest.raises(MediaError, match=r"limits\.max_pixels = 60000"):
        run(sample, Limits(max_pixels=60_000))


def test_the_recipes_limits_hold_for_clips(run: Run, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"limits\.max_frames = 39"):
        run(_freeze(tmp_path / "freeze.mp4"), Limits(max_frames=39))


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"machines\.0: min_area_share 0\.5 is not below max_area_share 0\.25"):
        configure(annotators.machines, {"kind": "forensic", "min_area_share": 0.5}, where="machines.0")
