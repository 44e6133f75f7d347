"""The audit names the cause, and says so where there is too little to say anything."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

from pipeline.cli import main
from pipeline.shortcuts import audit_shortcuts, read_shortcuts, warnings_of
from pipeline.shortcuts.audit import _chosen
from pipeline.storage import RunFolder
from schemas.published import dataset_schema

Change = Callable[[int, bool], dict[str, object]]


def dataset(folder: Path, change: Change, *, real: int = 40, fake: int = 40) -> RunFolder:
    """A published table of images that differ in nothing but what ``change`` says."""
    rows = []
    for number in range(real + fake):
        is_fake = number >= real
        row = {"origin": "generated" if is_fake else "real", "group_id": f"g{number}", "byte_size": 1000 + number % 7}
        media = {"format": "PNG", "mode": "RGB", "width": 64, "height": 64, "jpeg_tables": "", "chroma_subsampling": "",
                 "metadata": []}  # fmt: skip
        changed = change(number, is_fake)
        rows.append({**row, **changed.pop("row", {}), "media": {**media, **changed}})
    schema = dataset_schema("images")
    wanted = pa.schema([schema.field(name) for name in ("origin", "group_id", "byte_size", "media")])
    path = folder / "dataset" / "data" / "images" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, wanted), path)
    return RunFolder(str(folder))


def jpeg_or_png(number: int, is_fake: bool) -> dict[str, object]:
    if is_fake:
        return {}
    quality = (75, 90)[number % 2]
    return {"format": "JPEG", "jpeg_quality": quality, "jpeg_tables": f"{quality:016x}", "chroma_subsampling": "4:2:0"}


def test_all_fakes_png_and_all_reals_jpeg_names_format_and_quality_first(tmp_path: Path) -> None:
    rows = audit_shortcuts(dataset(tmp_path, jpeg_or_png))
    assert [(row.feature, row.finding) for row in rows[:4]] == [
        ("format", "shortcut"),
        ("JPEG quality", "shortcut"),
        ("JPEG tables", "shortcut"),
        ("chroma subsampling", "shortcut"),
    ]
    first = rows[0]
    assert (first.rank, first.real, first.generated, first.groups) == (1, 40, 40, 80)
    assert (first.balanced_accuracy, first.auc, first.bits) == (1, 1, pytest.approx(1))
    assert first.low == pytest.approx(1 - 3 / 40)
    assert first.bits_by_chance is not None
    assert first.bits_by_chance < 0.1
    assert first.values == "real: JPEG 100%; generated: PNG 100%"
    assert rows[1].values == "real: 82.5; generated: none"
    assert "`matched`" in first.remedy
    assert {row.finding for row in rows[4:-1]} == {"none"}
    assert (rows[-1].feature, rows[-1].finding) == ("all together", "shortcut")
    (line,) = warnings_of(rows)
    assert line.startswith(
        "images: real and generated can be told without looking, by format (1.00), JPEG quality (1.00),"
    )


@pytest.mark.parametrize(
    ("feature", "change"),
    [
        ("metadata", lambda n, fake: {"metadata": [] if fake else ["exif"]}),
        (
            "size",
            lambda n, fake: {"width": 512 if fake else 400 + 3 * (n % 9), "height": 512 if fake else 300 + n % 50},
        ),
        ("file length", lambda n, fake: {"row": {"byte_size": (9000 if fake else 1000) + n % 7}}),
        ("color mode", lambda n, fake: {"mode": "RGBA" if fake and n % 4 else "RGB"}),
    ],
)
def test_the_feature_that_differs_is_flagged(tmp_path: Path, feature: str, change: Change) -> None:
    rows = {row.feature: row for row in audit_shortcuts(dataset(tmp_path, change))}
    assert rows[feature].finding == "shortcut"
    assert rows[feature].remedy
    assert rows["format"].finding == rows["JPEG quality"].finding == "none"
    assert rows["format"].balanced_accuracy == 0.5


def test_alike_files_have_no_shortcut_and_edited_counts_as_generated(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(300, 900, (90, 2)).tolist()

    def change(number: int, is_fake: bool) -> dict[str, object]:
        origin = {"row": {"origin": "edited"}} if number >= 60 else {}
        return {**origin, "width": sizes[number][0], "height": sizes[number][1]}

    rows = audit_shortcuts(dataset(tmp_path, change, real=45, fake=45))
    assert {row.finding for row in rows} == {"none"}
    assert (rows[0].real, rows[0].generated) == (45, 45)
    assert list(warnings_of(rows)) == []


@pytest.mark.parametrize(("real", "fake"), [(9, 40), (40, 9), (0, 40), (0, 0)])
def test_too_few_of_a_class_is_said_and_no_number_given(tmp_path: Path, real: int, fake: int) -> None:
    rows = audit_shortcuts(dataset(tmp_path, jpeg_or_png, real=real, fake=fake))
    assert [(row.finding, row.real, row.generated, row.balanced_accuracy, row.bits) for row in rows] == (
        [("not_enough", real, fake, None, None)]
    )


def test_groups_are_what_there_must_be_enough_of(tmp_path: Path) -> None:
    run = dataset(tmp_path, lambda n, fake: {"row": {"group_id": f"{fake}{n % 9}"}})
    assert [row.finding for row in audit_shortcuts(run)] == ["not_enough"]


def test_rows_of_unknown_origin_are_left_out(tmp_path: Path) -> None:
    rows = audit_shortcuts(dataset(tmp_path, lambda n, fake: {"row": {"origin": "unknown"}} if n % 2 else {}))
    assert (rows[0].real, rows[0].generated) == (20, 20)


def test_a_bounded_choice_takes_whole_groups_whatever_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.shortcuts.audit.MOST_ROWS", 10)
    rows = [{"group_id": f"g{i // 4}", "number": i} for i in range(400)]
    found = {row["number"] for row in _chosen(rows)}
    assert len(found) == 12
    assert {row["number"] for row in _chosen(rows[::-1])} == found
    assert all({4 * (i // 4) + k for k in range(4)} <= found for i in found)
    assert len(_chosen(rows[:7])) == 7


def picture(seed: int, format: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


@pytest.mark.slow
def test_a_run_tells_table_card_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for seed in range(24):
        format, origin = (("PNG", "generated"), ("JPEG", "real"))[seed % 2]
        (tmp_path / f"{seed}").write_bytes(picture(seed, format))
        lines.append(json.dumps({"file": f"{seed}", "origin": origin}) + "\n")
    (tmp_path / "items.jsonl").write_text("".join(lines))
    (tmp_path / "r.yaml").write_text("name: r\ntaxonomy: artifacts\nsources: [{kind: manifest}]\n")
    run = str(tmp_path / "run")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "r.yaml"), "--input", str(tmp_path / "items.jsonl"), "--run", run])
    assert not ended.value.code
    rows = read_shortcuts(RunFolder(run))
    assert [row.feature for row in rows[:2]] == ["format", "JPEG quality"]
    card = (tmp_path / "run" / "dataset" / "README.md").read_text()
    assert "Warning: they can be told by **format**, **JPEG quality**," in card
    report = (tmp_path / "run" / "report.html").read_text()
    assert 'format <b class="verdict-bad">shortcut</b>' in report
    assert "can be told without looking, by format (1.00)" in capsys.readouterr().err
