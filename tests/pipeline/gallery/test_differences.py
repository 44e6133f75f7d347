"""Two versions beside each other: what is said of them, and the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.gallery.differences import compare, lines, opened
from schemas.candidate import Region
from schemas.errors import ConfigError
from schemas.record import Lineage, Record
from schemas.taxonomy import Taxonomy
from tests.pipeline.datasets import write_dataset

from .conftest import Sources

Make = Callable[..., Record]
Pair = tuple[str, str]
LEFT = """line => {
    const whole = line.closest('.large').getBoundingClientRect();
    return (line.getBoundingClientRect().left - whole.left) / whole.width;
}"""
LINEAGE = (Lineage(candidate_id="0" * 64, machine="vlm", kind="vlm"),)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def versions(tmp_path: Path, record: Make, region: Callable[..., Region], sources: Sources, taxonomy: Taxonomy) -> Pair:
    """A row that is gone, one that is new, one that changed, and one that stays."""

    def drawn(number: int, box: tuple[float, float, float, float], **fields: Any) -> Record:
        row = record(number)
        regions = (region("r", box, asset_id=row.asset_id),)
        return row.evolve(regions=regions, annotation_status="annotated", lineage=LINEAGE, **fields)

    old = [record(0), drawn(1, (12, 8, 60, 40)), drawn(2, (12, 8, 60, 40))]
    new = [drawn(1, (24, 8, 72, 40), verdict="edited"), drawn(2, (12, 8, 60, 40)), record(3, split="test")]
    one, other = (
        write_dataset(tmp_path / name, rows, sources, taxonomy, shards=2) for name, rows in (("old", old), ("new", new))
    )
    return one, other


def test_counts_fields_and_rows_are_told(versions: Pair, record: Make) -> None:
    compared = compare(*map(opened, versions), out=None, write=quiet)
    ids = {number: record(number).sample_id[:12] for number in range(4)}

    said = list(lines(compared, 20))

    assert said[:3] == [
        "images/test: 1 added, 0 changed, 0 removed, 1 in all",
        "images/train: 0 added, 1 changed, 1 removed, 2 in all",
        "  fields: verdict 1, regions 1",
    ]
    assert "\n".join(said[3:]).count("\n") == 4
    assert f"- images/train {ids[0]} picture 0.png" in said
    assert f"+ images/test {ids[3]} picture 3.png" in said
    at = said.index(f"~ images/train {ids[1]} picture 1.png")
    assert said[at + 1 : at + 3] == [
        "    verdict: nothing -> edited",
        "    regions: blur at 12, 8, 60, 40 (machine) -> blur at 24, 8, 72, 40 (machine): box",
    ]


def test_rows_beyond_those_asked_for_are_counted(versions: Pair) -> None:
    compared = compare(*map(opened, versions), out=None, write=quiet)

    assert list(lines(compared, 1))[-1] == "… 2 more rows"


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a run nor a dataset"):
        opened(str(tmp_path))


def test_the_command_prints_and_names_its_page(
    versions: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["diff", *versions, "--out", str(tmp_path / "page"), "--rows", "0"])

    assert caught.value.code == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["… 3 more rows", f"{tmp_path}/page/index.html"]


@pytest.mark.slow
def test_old_and_new_lie_side_by_side(versions: Pair, tmp_path: Path, page: Any) -> None:
    compared = compare(*map(opened, versions), out=str(tmp_path / "page"), side=160, write=quiet)
    page.goto(f"file://{compared.page}")
    page.wait_for_function("() => document.querySelectorAll('.card .file').length === 3")
    assert page.locator("#summary").text_content() == "1 added, 1 changed, 1 removed, 3 rows in all"

    page.get_by_role("button", name="picture 1.png").click()
    page.wait_for_selector("#shown img")

    assert page.locator("figcaption").all_text_contents() == ["before", "after"]
    shares = [line.evaluate(LEFT) for line in page.locator("#shown .outline").all()]
    assert shares == pytest.approx([0.1, 0.2], abs=0.02)
    assert page.locator(".changes dt").all_text_contents() == ["verdict", "regions"]
    assert page.locator(".changes ins").first.text_content() == "edited"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sides"), [("picture 0.png", ["before"]), ("picture 3.png", ["after"])])
def test_a_row_of_one_version_is_shown_once(
    versions: Pair, tmp_path: Path, page: Any, name: str, sides: list[str]
) -> None:
    compared = compare(*map(opened, versions), out=str(tmp_path / "page"), side=160, write=quiet)
    page.goto(f"file://{compared.page}")
    page.get_by_role("button", name=name).click()
    page.wait_for_selector("#shown img")

    assert page.locator("figcaption").all_text_contents() == sides
