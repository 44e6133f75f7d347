"""Samples of two images by the command line: read, judged, published, proved, exported, shown."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline.exports
from pipeline.dataset import read_records
from pipeline.exports.base import ExportPlace
from pipeline.recipe import DatasetOptions, load_recipe
from pipeline.seen import hashes_once, seen_samples
from pipeline.shards import Draft, Shard, write_shard
from pipeline.split_proof import proof_of
from pipeline.storage import RunFolder, sha256_of
from pipeline.tables import read_rows
from schemas.plugins import configure, load
from schemas.record import Duplicate, Rejection

from .runs import defects_of, witnessmark

pytestmark = pytest.mark.slow

RECIPE = """\
name: r
taxonomy: artifacts
sources: [{kind: manifest, reference: original}]
splits: {train: 1}
limits: {max_rejected: 1.0}
dataset: {preview: true}
exports: [{kind: webdataset}]
"""
ROWS = "path,original\n1.png,2.png\n2.png,\n3.png,torn.png\n4.png,2.png\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    from .conftest import png

    root = tmp_path_factory.mktemp("pairs")
    (root / "r.yaml").write_text(RECIPE)
    (root / "in").mkdir()
    for seed in (1, 2, 3, 4):
        (root / "in" / f"{seed}.png").write_bytes(png(seed))
    (root / "in" / "torn.png").write_bytes(png(5)[:40])
    (root / "in" / "m.csv").write_text(ROWS)
    assert witnessmark("run", root / "r.yaml", "--input", root / "in" / "m.csv", "--run", root / "run") == 0
    return RunFolder(str(root / "run"))


def shard_of(run: RunFolder) -> Path:
    return Path(run.path("dataset", "data", "images", "train-00000-of-00001.parquet"))


def test_both_images_are_published_untouched_and_what_is_torn_is_named(
    finished: RunFolder, picture: Callable[[int], bytes]
) -> None:
    rows = {row["file_name"]: row for row in pq.read_table(shard_of(finished)).to_pylist()}
    assert sorted(rows) == ["1.png", "2.png", "4.png"]
    for name, second in (("1.png", 2), ("2.png", None), ("4.png", 2)):
        shown, said = rows[name]["reference_image"], rows[name]["reference"]
        assert shown == (second and {"bytes": picture(second), "path": "2.png"})
        assert (said and (said["file_name"], said["role"], said["media"]["width"])) == (
            second and ("2.png", "reference", 48)
        )
    assert len({row["group_id"] for row in rows.values()}) == 1  # they share an image
    assert list(read_rows(finished, "duplicates", Duplicate)) == []  # and that is no likeness of theirs
    (rejection,) = read_rows(finished, "rejections", Rejection)
    assert (rejection.item_id, rejection.error) == ("3.png", "MediaError")
    assert rejection.message.startswith("its reference 'torn.png': ")
    assert defects_of(finished) == []


def test_the_hashes_of_a_row_are_told_apart_by_image(finished: RunFolder) -> None:
    of_row = {row.item_id: row for row in seen_samples(finished)}
    one, other = of_row["1.png"], of_row["2.png"]
    assert (one.portions[1], other.portions) == ((len(other.hashes), len(other.altered)), ())
    first = len(one.hashes) - len(other.hashes), len(one.altered) - len(other.altered)
    assert one.portions[0] == first
    assert min(*first, *one.portions[1]) >= 32
    whole, own = (other.hashes, other.altered), (one.hashes[: first[0]], one.altered[: first[1]])
    assert list(hashes_once([other, one, one])) == [whole, own, (b"", b"")]
    assert list(hashes_once([one, other])) == [own, whole]  # the row that is about an image has its hashes


def test_a_second_image_that_was_changed_afterwards_is_a_defect(
    finished: RunFolder, tmp_path: Path, picture: Callable[[int], bytes]
) -> None:
    shard = shard_of(finished)
    kept = shard.read_bytes()
    table = pq.read_table(shard)
    column = table.schema.get_field_index("reference_image")
    other = [shown and {**shown, "bytes": picture(9)} for shown in table.column(column).to_pylist()]
    field = table.schema.field(column)
    try:
        pq.write_table(table.set_column(column, field, [pa.array(other, field.type)]), shard)
        found = [defect for defect in defects_of(finished) if "bytes are not those" not in defect]
        missing = [None for _ in other]
        pq.write_table(table.set_column(column, field, [pa.array(missing, field.type)]), shard)
        gone = [defect for defect in defects_of(finished) if "bytes are not those" not in defect]
    finally:
        shard.write_bytes(kept)
    assert [defect.partition("…: ")[2] for defect in found] == [
        "its second image is not the one that the row describes"
    ] * 2
    assert [defect.partition("…: ")[2] for defect in gone] == ["has no second image"] * 2


def test_the_archive_holds_both_images_and_the_report_shows_both(
    finished: RunFolder, picture: Callable[[int], bytes]
) -> None:
    with tarfile.open(finished.path("exports", "webdataset", "train-000000.tar")) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    record = next(r for r in read_records(finished.path("dataset")) if r.file_name == "1.png")
    own = {name.partition(".")[2]: data for name, data in members.items() if name.startswith(record.sample_id)}
    assert sorted(own) == ["json", "png", "reference.png"]
    assert (own["png"], own["reference.png"]) == (picture(1), picture(2))
    assert json.loads(own["json"])["reference"]["asset_id"] == sha256_of(f"{Path(finished.uri).parent}/in/2.png").sha256
    page = Path(finished.path("report.html")).read_text()
    assert page.count('aria-label="1.png"') == page.count('aria-label="1.png, compared with 2.png"') == 1
    assert page.count('aria-label="2.png"') == 1


def test_the_gallery_shows_both_images(finished: RunFolder) -> None:
    assert witnessmark("gallery", "--run", finished.uri) == 0
    (part,) = Path(finished.path("gallery", "parts")).iterdir()
    said = (part / "rows-00000.js").read_text().removeprefix("gallery.rows(").removesuffix(");\n")
    rows = {row["name"]: row for row in json.loads(f"[{said}]")[3]}
    views = {name: [(view["label"], view["file"]) for view in row["views"]] for name, row in rows.items()}
    assert {name: [label for label, _ in shown] for name, shown in views.items()} == {
        "1.png": ["image", "reference"],
        "2.png": [""],
        "4.png": ["image", "reference"],
    }
    shown = {name: [(part / file).read_bytes() for _, file in found] for name, found in views.items()}
    assert shown["1.png"][1] == shown["4.png"][1] == shown["2.png"][0]
    assert len({shown[name][0] for name in shown}) == 3


@pytest.mark.parametrize("kind", ["sharegpt", "ivyfake", "matched", "coco"])
def test_a_format_of_one_image_refuses_a_region_in_the_second(
    finished: RunFolder, tmp_path: Path, make_region: Callable[..., Any], taxonomy: Any, kind: str
) -> None:
    export = load(pipeline.exports, configure(pipeline.exports, {"kind": kind}, where="exports.0"))
    record = next(r for r in read_records(finished.path("dataset")) if r.reference)
    assert record.reference is not None
    inside = make_region(asset_id=record.reference.asset_id)
    drawn = record.evolve(annotation_status="annotated", regions=(inside,))
    place = ExportPlace(out_uri=str(tmp_path), taxonomy=taxonomy, dataset_uri=finished.path("dataset"))
    export.write([drawn], place)
    (line,) = (tmp_path / "refused.jsonl").read_text().splitlines()
    one = "has a place in another asset" if kind == "coco" else "lies in the second image: the format shows one"
    assert json.loads(line)["reason"] == f"region {inside.region_id} {one}"


def test_pairs_of_a_source_that_names_no_column_are_not_published_by_halves(
    finished: RunFolder, tmp_path: Path, taxonomy: Any
) -> None:
    record = next(r for r in read_records(finished.path("dataset")) if r.reference)
    record = record.evolve(taxonomy=taxonomy.id)
    draft = Draft(record, f"{Path(finished.uri).parent}/in/1.png", "1.png", reference_uri="unread")
    written = write_shard(Shard("images", "train", 0, 1), [draft], str(tmp_path), taxonomy, DatasetOptions())
    (rejection,) = written.rejections
    assert written.num_rows == 0
    assert rejection.message == "1.png has a second image, and no source of the recipe names a 'reference'"


def test_of_two_files_the_one_that_changed_is_named(finished: RunFolder, tmp_path: Path, taxonomy: Any) -> None:
    inputs = Path(finished.uri).parent / "in"
    record = next(r for r in read_records(finished.path("dataset")) if r.file_name == "1.png")
    record = record.evolve(taxonomy=taxonomy.id)
    shard, options = Shard("images", "train", 0, 1), DatasetOptions()
    for first, second, changed in (("1.png", "4.png", "2.png"), ("4.png", "2.png", "1.png")):
        draft = Draft(record, str(inputs / first), "item", reference_uri=str(inputs / second))
        written = write_shard(shard, [draft], str(tmp_path), taxonomy, options, has_reference=True)
        assert [r.message for r in written.rejections] == [f"item: {changed} changed after it was measured"]


def test_a_second_image_on_both_sides_of_a_split_is_a_leak(finished: RunFolder, tmp_path: Path, taxonomy: Any) -> None:
    inputs = Path(finished.uri).parent / "in"
    records = sorted((r for r in read_records(finished.path("dataset")) if r.reference), key=lambda r: r.sample_id)
    for record, split in zip(records, ("train", "test"), strict=True):
        record = record.evolve(taxonomy=taxonomy.id, split=split, group_id=split)
        draft = Draft(record, str(inputs / record.file_name), "item", reference_uri=str(inputs / "2.png"))
        shard = Shard("images", split, 0, 1)
        written = write_shard(shard, [draft], str(tmp_path / "dataset"), taxonomy, DatasetOptions(), has_reference=True)
        assert written.num_rows == 1
    proof = proof_of(RunFolder(str(tmp_path)), load_recipe("planted", ("splits={train: 1, test: 1}",)))
    assert (proof.groups_across, proof.media_across) == (0, 1)
