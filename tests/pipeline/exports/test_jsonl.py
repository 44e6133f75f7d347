from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.exports.jsonl import Config, Jsonl
from schemas.candidate import Claim, Region
from schemas.geometry import Box, Keyframe, Polygon, TimeSpan
from schemas.media.types import Video
from schemas.sample import Generator, Source

RICH = {
    "generator": Generator(name="SDXL", seed=-(2**63), guidance_scale=0.1 + 0.2),
    "source": Source(name="日本 \u2028"),
    "explanation": 'quote " and \n and half \ud83d',
    "claims": (Claim(start=0, end=5, region_ids=("r1",)),),
    "regions": (
        Region(
            region_id="r1",
            category="hand",
            source="human",
            box=Box(x1=1 / 3, y1=1e-9, x2=5, y2=6),
            polygons=(Polygon(exterior=((0, 0), (9, 0), (9, 7)), holes=(((5, 1), (6, 1), (6, 2)),)),),
        ),
        Region(
            region_id="r2",
            category="blur",
            source="machine",
            span=TimeSpan(start_s=0.1, end_s=0.3),
            track=(Keyframe(frame_index=2, pts_s=0.08, box=Box(x1=0, y1=0, x2=1, y2=1)),),
        ),
    ),
}


def test_records_come_back_exactly(place, record) -> None:
    video = Video(
        format="mp4", codec="h264", width=10, height=8, stored_width=10, stored_height=8, duration_s=0.5, fps=25.0,
        num_frames=2, time_base_num=1, time_base_den=12800, frame_pts=(0, 512),
    )  # fmt: skip
    records = [record("a", **RICH), record("b", media=video, annotation_status="not_annotated")]
    export = Jsonl(Config())
    (uri,) = export.write(iter(records), place)
    assert uri == f"{place.out_uri}/records.jsonl"
    assert list(export.records(place.out_uri)) == records
    assert list(export.read(place.out_uri)) == [("sample-a", RICH["regions"]), ("sample-b", ())]


def test_lines_are_canonical_json_in_utf8(place, record) -> None:
    (uri,) = Jsonl(Config()).write([record("a", **RICH)], place)
    data = Path(uri).read_bytes()
    text = data.decode("utf-8")
    assert data.count(b"\n") == 1
    again = json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert text == again.replace("\ud83d", "\\ud83d") + "\n"
    assert "日本" in text


def test_a_failing_run_leaves_the_old_file(place, record) -> None:
    def failing():
        yield record("b")
        raise KeyError

    export = Jsonl(Config())
    export.write([record("a")], place)
    with pytest.raises(KeyError):
        export.write(failing(), place)
    assert [found.sample_id for found in export.records(place.out_uri)] == ["sample-a"]
    assert [path.name for path in Path(place.out_uri).iterdir()] == ["records.jsonl"]
