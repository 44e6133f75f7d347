"""The pictures that are sent: real files of every kind, rendered in a real sandbox, seen by a real server."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture_

import annotators.models.pictures
from annotators.base import Workbench
from annotators.models.pictures import Picture, pictures_of, render
from annotators.models.views import Seeing, plan_views
from annotators.sandbox import Sandbox
from benchmarks.model_server import ModelServer
from schemas.errors import MediaError
from schemas.media.limits import DEFAULT_LIMITS, Limits
from schemas.media.measure import measure
from schemas.sample import Asset, Sample, TaskInput, sample_id_of

OPEN = partial(open, mode="rb")
SEEING = Seeing(
    max_view_side=100,
    page_view_side=200,
    max_frames=3,
    frames_per_second=1.0,
    max_pages=2,
    max_own_bytes=1_000_000,
)
Read = Callable[[bytes, str], Sample]


@pytest.fixture(scope="module")
def pool() -> Iterator[Sandbox]:
    with Sandbox(workers=1, timeout_s=30, memory_bytes=2**30) as sandbox:
        yield sandbox


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """A sample of a file with that content, measured as ingest does."""

    def sample(data: bytes, name: str) -> Sample:
        path = tmp_path / name
        path.write_bytes(data)
        found = measure(OPEN, str(path), file_name=name, limits=DEFAULT_LIMITS)
        asset = Asset(
            asset_id=found.asset_id, uri=str(path), file_name=name, byte_size=found.byte_size, media=found.media
        )
        return Sample(sample_id=sample_id_of((asset,), TaskInput()), item_id=name, assets=(asset,))

    return sample


def shown(
    sample: Sample, pool: Sandbox, *, max_text_chars: int = 100, limits: Limits = DEFAULT_LIMITS
) -> tuple[Picture, ...]:
    views = plan_views(sample, SEEING)
    pictures = asyncio.run(
        pictures_of(sample.primary, views, open_uri=OPEN, sandbox=pool, max_text_chars=max_text_chars, limits=limits)
    )
    sizes = [Picture_.open(io.BytesIO(picture.data)).size for picture in pictures]
    assert sizes == [(view.width, view.height) for view in views]
    return pictures


def halves(size: tuple[int, int]) -> np.ndarray:
    """Left half red, right half blue."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 2, 0] = 250
    pixels[:, size[0] // 2 :, 2] = 250
    return pixels


def encoded(pixels: np.ndarray, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Picture_.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def colors(picture: Picture) -> list[str]:
    """The main color at the left, at the right, at the top, at the bottom."""
    image = Picture_.open(io.BytesIO(picture.data)).convert("RGB")
    w, h = image.size
    spots = [(w // 8, h // 2), (w - 1 - w // 8, h // 2), (w // 2, h // 8), (w // 2, h - 1 - h // 8)]
    return ["rgb"[int(np.argmax(image.getpixel(spot)))] for spot in spots]


def test_a_plain_image_is_sent_byte_by_byte(read: Read, pool: Sandbox) -> None:
    data = encoded(halves((100, 60)), "JPEG")

    (picture,) = shown(read(data, "a.jpg"), pool)

    assert picture == ("image/jpeg", data, "")


@pytest.mark.parametrize(
    ("format", "options", "media_type"),
    [
        ("JPEG", {"quality": 95}, "image/jpeg"),
        ("PNG", {}, "image/png"),
        ("TIFF", {}, "image/png"),
        ("BMP", {}, "image/png"),
        ("GIF", {"save_all": True, "append_images": [Picture_.new("RGB", (301, 77))], "duration": 50}, "image/png"),
    ],
)
def test_another_image_is_rendered_to_its_view(
    read: Read, pool: Sandbox, format: str, options: dict[str, Any], media_type: str
) -> None:
    (picture,) = shown(read(encoded(halves((301, 77)), format, **options), f"a.{format.lower()}"), pool)

    assert picture.media_type == media_type
    assert colors(picture)[:2] == ["r", "b"]


def test_an_image_that_lies_on_its_side_is_shown_upright(read: Read, pool: Sandbox) -> None:
    exif = Picture_.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what is stored at the left comes to the top
    sample = read(encoded(halves((80, 40)), "JPEG", exif=exif), "a.jpg")

    (picture,) = shown(sample, pool)

    assert (sample.primary.media.width, sample.primary.media.height) == (40, 80)  # type: ignore[union-attr]
    assert colors(picture)[2:] == ["r", "b"]


def test_frames_are_those_that_were_planned(read: Read, pool: Sandbox) -> None:
    sample = read(film(50), "a.mp4")

    views = plan_views(sample, SEEING)
    pictures = shown(sample, pool)

    assert [view.frame_index for view in views] == [12, 37]
    for view, picture in zip(views, pictures, strict=True):
        gray = np.asarray(Picture_.open(io.BytesIO(picture.data)).convert("L")).mean()
        assert abs(gray - 4 * (view.frame_index or 0)) < 6


def test_pages_come_with_their_text(read: Read, pool: Sandbox) -> None:
    sample = read(paper("Hello there", "Total 42", "not shown"), "a.pdf")

    first, second = shown(sample, pool)

    assert (first.media_type, first.text.strip(), second.text.strip()) == ("image/png", "Hello there", "Total 42")
    assert np.asarray(Picture_.open(io.BytesIO(first.data)).convert("L")).min() < 100
    assert [picture.text for picture in shown(sample, pool, max_text_chars=5)] == ["Hello", "Total"]
    assert [picture.text for picture in shown(sample, pool, max_text_chars=0)] == ["", ""]


def test_a_scan_of_several_pages_is_shown_page_by_page(read: Read, pool: Sandbox) -> None:
    pages = [Picture_.new("RGB", (90, 120), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])

    first, second = shown(read(buffer.getvalue(), "a.tiff"), pool)

    assert (colors(first)[0], colors(second)[0]) == ("r", "b")


@pytest.mark.parametrize("name", ["sent.png", "rendered.bmp", "a.pdf", "a.mp4"])
@pytest.mark.parametrize("change", ["one byte", "cut", "grown"])
def test_a_file_that_changed_since_is_not_asked_about(read: Read, pool: Sandbox, name: str, change: str) -> None:
    """The answer would be stored under the content that was measured."""
    contents = {".mp4": lambda: film(10), ".pdf": lambda: paper("one")}
    make = contents.get(Path(name).suffix, lambda: encoded(halves((80, 60)), Path(name).suffix[1:]))
    sample = read(make(), name)
    path = Path(sample.primary.uri)
    data = path.read_bytes()
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    path.write_bytes({"one byte": flipped, "cut": data[:-1], "grown": data + b"\n"}[change])

    with pytest.raises(MediaError, match=f"^{name} has changed since it was measured"):
        shown(sample, pool)


def test_a_large_video_is_compared_by_its_size(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    data = film(10)
    sample = read(data, "a.mp4")
    monkeypatch.setattr(annotators.models.pictures, "MAX_HASHED_VIDEO_BYTES", len(data) - 1)
    ask = partial(render, sample.primary, plan_views(sample, SEEING), OPEN, 0, DEFAULT_LIMITS)
    (picture,) = ask()
    path = Path(sample.primary.uri)

    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert ask() == (picture,)
    path.write_bytes(data + b"\n")
    with pytest.raises(MediaError, match="has changed"):
        ask()


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("a.bmp", Limits(max_side=79)),
        ("a.pdf", Limits(max_pixels=19_999)),
        ("a.mp4", Limits(max_frames=9)),
    ],
)
def test_the_recipes_limits_hold(read: Read, pool: Sandbox, name: str, limits: Limits) -> None:
    content = {
        "a.bmp": lambda: encoded(halves((80, 60)), "BMP"),
        "a.pdf": lambda: paper("one"),
        "a.mp4": lambda: film(10),
    }
    with pytest.raises(MediaError, match=r"limits\.max_"):
        shown(read(content[name](), name), pool, limits=limits)


@pytest.mark.parametrize(("name", "pictures"), [("a.mp4", 2), ("a.pdf", 2)])
def test_a_region_in_a_frame_or_page_finds_its_place(
    read: Read,
    pool: Sandbox,
    serve: Callable[..., ModelServer],
    propose: Callable[..., list[Any]],
    make_bench: Callable[..., Workbench],
    name: str,
    pictures: int,
) -> None:
    sample = read(film(50) if name == "a.mp4" else paper("one", "two"), name)
    server = serve(keeps_requests=True, min_regions=1)

    (candidate,) = propose(server, sample, bench=make_bench(sandbox=pool), name="v", seed=3)

    (request,) = server.stats()["requests"]
    content = request["messages"][1]["content"]
    assert sum(part["type"] == "image_url" for part in content) == len(candidate.views) == pictures
    captions = [part["text"] for part in content if part["type"] == "text"]
    assert captions[0] == ("Frame 1, at 0.480 s of 2.000 s:" if name == "a.mp4" else "Page 1 of 2:")
    places = {(view.frame_index, view.page_index, view.pts_s) for view in candidate.views}
    assert candidate.regions
    assert {(region.frame_index, region.page_index, region.pts_s) for region in candidate.regions} <= places
    assert json.loads(candidate.model_dump_json())


def film(frames: int) -> bytes:
    """25 frames a second, each 4 levels brighter than the one before."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    return file.getvalue()


def paper(*texts: str) -> bytes:
    """A PDF of 200 x 100 points a page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(texts)))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {len(texts)}/Kids[{kids}]>>"]
    objects += ["<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    for number, text in enumerate(texts):
        words = f"BT /F1 20 Tf 20 50 Td ({text}) Tj ET"
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents {5 + 2 * number} 0 R"
        objects += [f"{page}/Resources<</Font<</F1 3 0 R>>>>>>", f"<</Length {len(words)}>>stream\n{words}\nendstream"]
    data, offsets = "%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    tail = f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF\n"
    return (data + head + table + tail).encode()
