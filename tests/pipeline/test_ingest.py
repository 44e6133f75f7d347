"""From an item and what was measured of it to a sample."""

from __future__ import annotations

import hashlib

import pytest

from pipeline.ingest import rejection_of, sample_of
from schemas.candidate import Region
from schemas.errors import MediaError
from schemas.geometry import Box
from schemas.media.measure import Measured
from schemas.media.types import Image
from schemas.sample import Finding, Generator, Item, OriginStatement, Provenance, TaskInput

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
