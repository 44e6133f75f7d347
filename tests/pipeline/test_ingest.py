"""From an item and what was measured of it to a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.ingest import measure_item, rejection_of, sample_of
from pipeline.planting.pdf import Sheet, write_pdf
from pipeline.recipe import RecipeLimits
from schemas.candidate import Region
from schemas.errors import MediaError
from schemas.geometry import Box
from schemas.media.measure import Measured
from schemas.media.types import Image
from schemas.sample import Finding, Generator, Item, OriginStatement, Provenance, StatedReference, TaskInput

ASSET = hashlib.sha256(b"x").hexdigest()


def measured(
    *statements: OriginStatement, generator: Generator | None = None, findings: tuple[Finding, ...] = ()
) -> Measured:
    return Measured(
        asset_id=ASSET,
        byte_size=1,
        media=Image(format="PNG", mode="RGB", width=2, height=2, stored_width=2, stored_height=2),
        provenance=Provenance(statements=statements, generator=generator),
        findings=findings,
    )


def item(**fields: object) -> Item:
    return Item(item_id="a.png", uri="/in/a.png", file_name="a.png", **fields)


SAYS_GENERATED = OriginStatement(said_by="xmp", origin="generated", detail="digitalSourceType=trainedAlgorithmicMedia")


def test_the_manifests_word_comes_first_and_disagreement_is_a_finding() -> None:
    sample = sample_of(item(origin="real"), measured(SAYS_GENERATED))
    assert sample.origin == "real"
    assert [s.said_by for s in sample.origin_statements] == ["manifest", "xmp"]
    (finding,) = sample.findings
    assert finding.code == "origin_disagrees"
    assert finding.message == "manifest says real; xmp says generated (digitalSourceType=trainedAlgorithmicMedia)"


@pytest.mark.parametrize(("stated", "expected"), [(None, "generated"), ("unknown", "generated"), ("edited", "edited")])
def test_the_file_speaks_where_the_manifest_does_not_know(stated: str | None, expected: str) -> None:
    assert sample_of(item(origin=stated), measured(SAYS_GENERATED)).origin == expected


def test_without_any_voice_the_origin_is_unknown() -> None:
    sample = sample_of(item(), measured())
    assert (sample.origin, sample.origin_statements, sample.findings) == ("unknown", (), ())


def test_generators_complete_each_other_and_differences_are_findings() -> None:
    stated, found = Generator(name="SD", seed=1), Generator(name="Stable Diffusion SD 1.5", seed=2, steps=20)
    sample = sample_of(item(generator=stated), measured(generator=found))
    assert sample.generator == Generator(name="SD", seed=1, steps=20)
    assert [f.message for f in sample.findings] == ["generator seed: the manifest says 1, the file says 2"]
    assert sample_of(item(), measured(generator=found)).generator == found
    assert sample_of(item(generator=stated), measured()).generator == stated


@pytest.mark.parametrize("stated", [ASSET, f" {ASSET.upper()}\n", None])
def test_a_hash_that_fits_says_nothing(stated: str | None) -> None:
    assert sample_of(item(stated_sha256=stated), measured()).findings == ()


def test_a_hash_that_does_not_fit_is_a_finding() -> None:
    (finding,) = sample_of(item(stated_sha256="0" * 64), measured()).findings
    assert finding.code == "sha256_disagrees"
    assert finding.message == f"the manifest states the sha256 '{'0' * 64}', the file's is {ASSET}"


def test_ground_truth_gets_the_asset_and_findings_are_joined() -> None:
    region = Region(region_id="r", box=Box(x1=0, y1=0, x2=1, y2=1), category="c", source="ground_truth")
    noticed, seen = Finding(code="a", message="a"), Finding(code="b", message="b")
    sample = sample_of(
        item(ground_truth=(region,), has_ground_truth=True, findings=(noticed,)), measured(findings=(seen,))
    )
    assert [r.asset_id for r in sample.ground_truth] == [ASSET]
    assert sample.has_ground_truth
    assert sample.findings == (noticed, seen)


def test_ground_truth_that_does_not_fit_is_left_out_with_a_finding() -> None:
    region = Region(region_id="r", box=Box(x1=0, y1=0, x2=3, y2=1), category="c", source="ground_truth")
    sample = sample_of(item(ground_truth=(region,), has_ground_truth=True), measured())
    assert (sample.ground_truth, sample.has_ground_truth) == ((), False)
    assert [finding.code for finding in sample.findings] == ["ground_truth_defect"]


def test_a_password_never_reaches_the_sample() -> None:
    locked = item(password="hunter2secret")  # noqa: S106
    assert "hunter2secret" not in sample_of(locked, measured()).model_dump_json() + repr(locked)


def test_one_medium_with_two_questions_is_two_samples() -> None:
    first = sample_of(item(task_input=TaskInput(question="who?")), measured())
    second = sample_of(item(task_input=TaskInput(question="where?")), measured())
    assert first.sample_id != second.sample_id
    assert first.primary == second.primary


def test_a_rejection_says_what_which_and_what_to_do() -> None:
    row = rejection_of(item(), MediaError("a.png: torn", remedy="fetch it again"))
    assert (row.item_id, row.uri, row.stage, row.error) == ("a.png", "/in/a.png", "ingest", "MediaError")
    assert (row.message, row.remedy) == ("a.png: torn", "fetch it again")


def paired(folder: Path, *, second: str = "before.png") -> Item:
    return item(reference=StatedReference(uri=f"{folder}/{second}", file_name=second)).evolve(uri=f"{folder}/a.png")


def test_both_images_of_a_pair_are_measured(tmp_path: Path, picture: Callable[[int], bytes]) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    (tmp_path / "before.png").write_bytes(picture(2))

    sample = measure_item(paired(tmp_path), RecipeLimits())

    first, second = sample.assets
    assert (sample.primary, sample.compared_with) == (first, second)
    hashes = [hashlib.sha256(picture(seed)).hexdigest() for seed in (1, 2)]
    assert [(a.role, a.asset_id, a.file_name, a.media.kind) for a in sample.assets] == [
        ("primary", hashes[0], "a.png", "image"),
        ("reference", hashes[1], "before.png", "image"),
    ]
    alone = measure_item(paired(tmp_path).evolve(reference=None), RecipeLimits())
    assert alone.sample_id != sample.sample_id
    assert (alone.assets, alone.compared_with) == ((first,), None)


@pytest.mark.parametrize(
    ("name", "seed", "words"),
    [
        ("gone.png", None, "its reference 'gone.png': cannot read"),
        ("torn.png", None, "its reference 'torn.png': the image's header is damaged"),
        ("same.png", 1, "its reference 'same.png' holds the same bytes"),
        ("page.pdf", None, "its reference 'page.pdf': two images can be compared, not image and document"),
    ],
)
def test_a_second_image_that_is_no_image_is_named(
    tmp_path: Path, picture: Callable[[int], bytes], name: str, seed: int | None, words: str
) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    (tmp_path / "torn.png").write_bytes(picture(2)[:40])
    (tmp_path / "same.png").write_bytes(picture(1))
    (tmp_path / "page.pdf").write_bytes(write_pdf([Sheet()]))
    with pytest.raises(MediaError) as raised:
        measure_item(paired(tmp_path, second=name), RecipeLimits())
    assert raised.value.message.startswith(words)
    assert raised.value.remedy


def test_what_is_noticed_of_the_second_image_says_so(tmp_path: Path, picture: Callable[[int], bytes]) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    (tmp_path / "before.jpg").write_bytes(picture(2))
    (finding,) = measure_item(paired(tmp_path, second="before.jpg"), RecipeLimits()).findings
    assert finding.code == "extension_disagrees"
    assert finding.message.startswith("reference before.jpg: ")
