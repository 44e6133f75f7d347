"""What croissant.json says, and that the reference reader validates and loads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cards.facts import CardFacts, ConfigFacts, MachineFacts, SplitFacts
from pipeline.cli import main
from pipeline.croissant import croissant
from pipeline.storage import FileFact
from schemas.published import Config, hub_features
from schemas.taxonomy import Taxonomy

FACT = FileFact(sha256="ab" * 32, bytes=1234)


def facts(taxonomy: Taxonomy, *configs: Config, **fields: object) -> CardFacts:
    split = SplitFacts(name="train", num_rows=3, num_bytes=1234, num_files=1)
    made = tuple(ConfigFacts(name=name, splits=(split,), features=hub_features(name)) for name in configs)
    return CardFacts(title="T", recipe="r", task="artifacts", taxonomy=taxonomy, configs=made, **fields)


def described(*arguments: object) -> dict:
    return json.loads(croissant(*arguments))  # type: ignore[arg-type]


def test_every_shard_stands_with_its_hash_and_every_config_with_its_files(taxonomy: Taxonomy) -> None:
    files = {"data/images/train-00000-of-00001.parquet": FACT, "data/videos/files/x.mp4": FACT}
    shard, files_of_images = described(facts(taxonomy, "images"), files)["distribution"]
    assert (shard["contentUrl"], shard["sha256"], shard["contentSize"]) == (
        "data/images/train-00000-of-00001.parquet",
        "ab" * 32,
        "1234 B",
    )
    assert (files_of_images["@id"], files_of_images["includes"]) == ("images-files", "data/images/*.parquet")


@pytest.mark.parametrize("config", ["images", "videos", "documents"])
def test_every_column_is_described(taxonomy: Taxonomy, config: Config) -> None:
    (records,) = described(facts(taxonomy, config), {})["recordSet"]
    assert [field["@id"] for field in records["field"]] == [f"{config}/{name}" for name in hub_features(config)]


def test_a_struct_gives_its_leaves_a_list_an_array(taxonomy: Taxonomy) -> None:
    (records,) = described(facts(taxonomy, "images"), {})["recordSet"]
    fields = {field["@id"]: field for field in records["field"]}
    regions = {leaf["@id"]: leaf for leaf in fields["images/regions"]["subField"]}
    assert (fields["images/regions"]["isArray"], fields["images/regions"]["arrayShape"]) == (True, "-1")
    assert regions["images/regions.box.x1"]["source"] == {
        "fileSet": {"@id": "images-files"},
        "extract": {"column": "regions"},
        "transform": {"jsonPath": "box.x1"},
    }
    assert fields["images/sample_id"]["dataType"] == "sc:Text"
    assert fields["images/sample_id"]["description"] == "Hash of the media and of what is asked of them."
    assert fields["images/image"]["dataType"] == "sc:ImageObject"


def test_words_of_the_data_stay_words(taxonomy: Taxonomy) -> None:
    text = described(facts(taxonomy, description='"}], "name": "x\u202e', tags=("a\nb",)), {})
    assert text["name"] == "r"
    assert "\u202e" not in text["description"]


def test_machines_and_people_are_named(taxonomy: Taxonomy) -> None:
    machine = MachineFacts(name="first", kind="vlm", model="m")
    text = described(facts(taxonomy, "images", machines=(machine,)), {})
    assert text["rai:machineAnnotationTools"] == ["first (vlm, m)"]
    assert text["rai:dataAnnotationAnalysis"] == ["0 of 3 rows were reviewed by a person."]


@pytest.mark.slow
def test_the_reference_reader_validates_and_loads_a_run(pictures: Path, tmp_path: Path) -> None:
    import mlcroissant

    recipe, run = tmp_path / "r.yaml", tmp_path / "run"
    recipe.write_text("name: r\ntaxonomy: artifacts\nsources: [{kind: folder}]\nsplits: {train: 1, test: 1}\n")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(recipe), "--input", str(pictures), "--run", str(run)])
    assert ended.value.code == 0
    dataset = mlcroissant.Dataset(jsonld=str(run / "dataset" / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    rows = list(dataset.records("images"))
    assert sorted(row["images/file_name"] for row in rows) == [b"0.png", b"1.png", b"2.png"]
    assert {row["images/image"].size for row in rows} == {(48, 32)}
