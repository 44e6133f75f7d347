"""Adding a source, an export or an annotator is one file: here it is dropped into a folder and used."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

import annotators.machines
import pipeline.exports
import pipeline.sources
from pipeline.cli import main
from pipeline.exports.base import ExportPlace
from pipeline.sources.base import items_of
from schemas.errors import ConfigError
from schemas.media.limits import Limits
from schemas.media.types import Image
from schemas.plugins import available, configure, load
from schemas.record import Record
from schemas.sample import Asset, Sample
from schemas.taxonomy import Category, Level, Taxonomy

SOURCE = '''
"""Source ``words``: a text file that names one medium per line."""

from typing import Literal

from pipeline.filesystems import join, open_uri, parent_of
from pipeline.sources.base import Source, SourceConfig
from schemas.sample import Item

__all__ = ["Config", "Words"]


class Config(SourceConfig):
    """Options."""

    kind: Literal["words"] = "words"
    prefix: str = ""
    """Put before every name."""


class Words(Source):
    """Lines as items."""

    def accepts(self, uri):
        return uri.endswith(".words")

    def items(self, place):
        for uri in place.inputs:
            with open_uri(uri) as file:
                for line in file.read().decode().split():
                    name = self.config.prefix + line
                    yield Item(item_id=name, uri=join(parent_of(uri), name), file_name=name, source=self.stated())
'''

EXPORT = '''
"""Export ``names``: the file names, one per line."""

from typing import Literal

from pipeline.exports.base import Export, ExportConfig
from pipeline.filesystems import join, writing

__all__ = ["Config", "Names"]


class Config(ExportConfig):
    """Options."""

    kind: Literal["names"] = "names"


class Names(Export):
    """A text file."""

    def write(self, records, place):
        uri = join(place.out_uri, "names.txt")
        with writing(uri) as file:
            file.writelines(f"{record.file_name}\\n".encode() for record in records)
        return (uri,)

    def read(self, out_uri):
        return iter(())
'''

MACHINE = '''
"""Machine ``optimist``: finds everything real."""

from typing import Literal

from annotators.base import Annotator, MachineConfig
from schemas.base import content_id
from schemas.candidate import Candidate

__all__ = ["Config", "Optimist"]


class Config(MachineConfig):
    """Options."""

    kind: Literal["optimist"] = "optimist"
    certainty: float = 1.0
    """How sure it is."""


class Optimist(Annotator):
    """No model, no doubt."""

    async def propose(self, sample):
        found = Candidate(
            candidate_id=content_id("optimist", sample.sample_id),
            sample_id=sample.sample_id,
            machine=self.config.name or self.config.kind,
            kind=self.config.kind,
            verdict="real",
            verdict_score=self.config.certainty,
        )
        return (found,)
'''

TAXONOMY = Taxonomy(
    name="tiny",
    version="1",
    levels=(Level(name="pixel"),),
    categories=(Category(name="blur", level="pixel", definition="out of focus"),),
)
PICTURE = Image(format="PNG", mode="RGB", width=10, height=8, stored_width=10, stored_height=8)


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """``drop(package, kind, text)`` puts one file where the package looks for its plug-ins."""
    dropped = []

    def put(package: ModuleType, kind: str, text: str) -> None:
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{kind}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        dropped.append(f"{package.__name__}.{kind}")

    yield put
    for name in dropped:
        package, _, kind = name.rpartition(".")
        sys.modules.pop(name, None)
        sys.modules[package].__dict__.pop(kind, None)


def test_a_source_is_one_file(drop, tmp_path: Path) -> None:
    drop(pipeline.sources, "words", SOURCE)
    (tmp_path / "list.words").write_text("a.png b.png")
    options = {"kind": "words", "prefix": "x-", "licence": "CC0-1.0"}
    sources = [
        load(pipeline.sources, configure(pipeline.sources, kind, where="x")) for kind in ({"kind": "folder"}, options)
    ]
    found = list(items_of(sources, [f"{tmp_path}/list.words"], f"{tmp_path}/spool", Limits()))
    assert "words" in available(pipeline.sources)
    assert [(item.item_id, item.source.licence) for item in found] == [("x-a.png", "CC0-1.0"), ("x-b.png", "CC0-1.0")]


def test_an_export_is_one_file(drop, tmp_path: Path) -> None:
    drop(pipeline.exports, "names", EXPORT)
    export = load(pipeline.exports, configure(pipeline.exports, {"kind": "names"}, where="exports.0"))
    record = Record(
        sample_id="s",
        asset_id="a",
        file_name="a.png",
        byte_size=1,
        media=PICTURE,
        group_id="g",
        split="train",
        taxonomy=TAXONOMY.id,
        annotation_status="not_annotated",
    )
    (uri,) = export.write([record], ExportPlace(out_uri=str(tmp_path / "out"), taxonomy=TAXONOMY))
    assert Path(uri).read_text() == "a.png\n"


def test_an_annotator_is_one_file(drop) -> None:
    drop(annotators.machines, "optimist", MACHINE)
    config = configure(annotators.machines, {"kind": "optimist", "certainty": 0.75}, where="machines.0")
    machine = load(annotators.machines, config)
    asset = Asset(asset_id="a", uri="a.png", file_name="a.png", byte_size=1, media=PICTURE)
    sample = Sample(sample_id="s", item_id="a.png", assets=(asset,))
    assert machine.accepts(sample)
    (candidate,) = asyncio.run(machine.propose(sample))
    assert (candidate.machine, candidate.verdict, candidate.verdict_score) == ("optimist", "real", 0.75)


def test_its_options_are_checked_like_any_others(drop) -> None:
    drop(pipeline.sources, "words", SOURCE)
    with pytest.raises(ConfigError, match=r"sources\.0: unknown field 'prefiks', did you mean 'prefix'\?"):
        configure(pipeline.sources, {"kind": "words", "prefiks": "x"}, where="sources.0")


def test_without_the_file_the_kind_is_unknown() -> None:
    with pytest.raises(ConfigError, match=r"unknown pipeline\.sources kind 'words'"):
        configure(pipeline.sources, {"kind": "words"}, where="sources.0")


RECIPE = """
name: dropped
taxonomy: artifacts
sources: [{kind: words, prefix: "my ", licence: CC0-1.0}]
machines: [{kind: optimist, name: merry, certainty: 0.75}]
exports: [{kind: names}]
splits: {train: 1}
"""


def test_a_recipe_names_dropped_files_like_any_others(drop, tmp_path: Path) -> None:
    drop(pipeline.sources, "words", SOURCE)
    drop(annotators.machines, "optimist", MACHINE)
    drop(pipeline.exports, "names", EXPORT)
    recipe, run = tmp_path / "dropped.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "list.words").write_text("a.png")
    Picture.new("RGB", (10, 8), "red").save(tmp_path / "in" / "my a.png")

    with pytest.raises(SystemExit) as ended:
        main(["run", str(recipe), "--input", str(tmp_path / "in" / "list.words"), "--run", str(run)])

    assert ended.value.code in (0, None)
    (shard,) = (run / "dataset").rglob("*.parquet")
    (row,) = pq.read_table(shard).to_pylist()
    assert (row["file_name"], row["source"]["licence"], row["annotation_status"]) == (
        "my a.png",
        "CC0-1.0",
        "annotated",
    )
    (lineage,) = row["lineage"]
    assert (lineage["machine"], lineage["kind"], lineage["verdict"]) == ("merry", "optimist", "real")
    assert (run / "exports" / "names" / "names.txt").read_text() == "my a.png\n"


@pytest.fixture
def asked_of(drop, tmp_path: Path) -> Callable[[str, int], Path]:
    """Runs the annotator of that text on two pictures and expects that exit code; the run folder."""

    def ask(text: str, code: int) -> Path:
        drop(annotators.machines, "optimist", text)
        recipe, run = tmp_path / "wrong.yaml", tmp_path / "run"
        recipe.write_text("name: wrong\ntaxonomy: artifacts\nsources: [{kind: folder}]\nmachines: [{kind: optimist}]\n")
        (tmp_path / "in").mkdir()
        for color in ("red", "blue"):
            Picture.new("RGB", (10, 8), color).save(tmp_path / "in" / f"{color}.png")
        with pytest.raises(SystemExit) as ended:
            main(["propose", str(recipe), "--input", str(tmp_path / "in"), "--run", str(run)])
        assert (ended.value.code or 0) == code
        return run

    return ask


def test_an_annotator_with_ids_of_its_own_is_named_at_its_first_sample(asked_of, capsys) -> None:
    run = asked_of(MACHINE.replace('content_id("optimist", sample.sample_id)', '"nr 1"'), 3)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "witnessmark: " in line]
    assert "machine 'optimist' (kind optimist) gave candidate_id 'nr 1', not 64 lower-case hex digits" in line
    assert "mend annotators/machines/optimist.py" in line
    assert not list((run / "candidates").glob("*.parquet"))


def test_an_annotator_that_draws_outside_has_its_samples_rejected_by_propose(asked_of) -> None:
    region = 'Region(region_id="1", box=Box(x1=0, y1=0, x2=90, y2=4), category="low-level-texture", source="machine")'
    drawn = MACHINE.replace("verdict_score=self.config.certainty", f"regions=({region},)")
    run = asked_of(drawn.replace("import Candidate", "import Candidate, Region\nfrom schemas.geometry import Box"), 0)
    rows = pq.read_table(run / "rejections").to_pylist()
    assert {(row["stage"], row["machine"], row["error"]) for row in rows} == {("propose", "optimist", "AnswerError")}
    assert len(rows) == 2
    assert "box (0, 0, 90, 4) reaches 80 px outside of 10 x 8 px" in rows[0]["message"]
