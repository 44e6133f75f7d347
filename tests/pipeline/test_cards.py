"""The card is read by ``datasets`` as it stands, adds up, and shows every foreign word as text."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image as Pictures
from pydantic import ValidationError

from pipeline.cards import CardFacts, ConfigFacts, MachineFacts, SplitFacts, card
from pipeline.cards.fields import yaml_features
from pipeline.storage import StageCounts
from pipeline.tally import Count, SourceCount
from schemas.media.types import Image
from schemas.published import CONFIG_OF, Config, dataset_schema, hub_features, record_row
from schemas.record import Record
from schemas.taxonomy import Category, Level, Taxonomy

TAXONOMY = Taxonomy(
    name="artifacts",
    version="1",
    description="What goes wrong.",
    levels=(Level(name="low", definition="Pixels."), Level(name="unused")),
    categories=(
        Category(name="blur", level="low", definition="Edges | are *soft*.", modalities=("image",)),
        Category(name="noise", level="low", definition="Grain."),
    ),
)


def config_facts(name: Config = "images", **rows: int) -> ConfigFacts:
    splits = tuple(SplitFacts(name=split, num_rows=n, num_bytes=n * 1000, num_files=1) for split, n in rows.items())
    return ConfigFacts(name=name, splits=splits, features=hub_features(name))


def facts(**changes: Any) -> CardFacts:
    plain = {"title": "Planted", "recipe": "planted", "task": "artifacts", "taxonomy": TAXONOMY}
    return CardFacts(**{**plain, "configs": (config_facts(train=2, test=1),), **changes})


def head_of(text: str) -> dict[str, Any]:
    _, head, _ = text.split("---\n", 2)
    parsed: dict[str, Any] = yaml.safe_load(head)
    return parsed


def record(number: int, split: str) -> Record:
    image = Image(format="PNG", mode="RGB", width=4, height=4, stored_width=4, stored_height=4)
    return Record(
        sample_id=f"s{number}", asset_id="a" * 64, file_name=f"{number}.png", byte_size=99, media=image,
        group_id=f"g{number}", split=split, taxonomy=TAXONOMY.id, annotation_status="not_annotated",
    )  # fmt: skip


def write_dataset(folder: Path, text: str, **rows: int) -> None:
    """Shards with all-empty lists, as the writer makes them, and a card."""
    buffer = io.BytesIO()
    Pictures.new("RGB", (4, 4), "red").save(buffer, "PNG")
    data = {"image": {"bytes": buffer.getvalue(), "path": "x.png"}}
    (folder / "data/images").mkdir(parents=True)
    for split, count in rows.items():
        table = pa.Table.from_pylist(
            [record_row(record(i, split)) | data for i in range(count)], dataset_schema("images")
        )
        pq.write_table(table, folder / f"data/images/{split}-00000-of-00001.parquet")
    (folder / "README.md").write_text(text, encoding="utf-8")


def load(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Runs lines on ``load_dataset`` and the ``folder``, in a fresh interpreter that may not use the network."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    code = f"from datasets import load_dataset\nfolder = {str(folder)!r}\n{program}"
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=folder)


def test_the_card_is_what_load_dataset_reads(tmp_path: Path) -> None:
    write_dataset(tmp_path, card(facts()), train=2, test=1)
    program = (
        "loaded = load_dataset(folder, 'images')\n"
        "print({name: rows.num_rows for name, rows in loaded.items()}, loaded['train'][0]['image'].size)\n"
        "print(load_dataset(folder, split='test')[0]['sample_id'])"
    )
    done = load(tmp_path, program)
    assert done.stdout == "{'train': 2, 'test': 1} (4, 4)\ns0\n", done.stderr


def test_a_wrong_number_of_rows_is_noticed_by_datasets(tmp_path: Path) -> None:
    write_dataset(tmp_path, card(facts(configs=(config_facts(train=3),))), train=2)
    done = load(tmp_path, "load_dataset(folder, 'images')")
    assert "NonMatchingSplitsSizesError" in done.stderr


@pytest.mark.parametrize("config", CONFIG_OF.values())
def test_features_are_spelled_as_datasets_spells_them(config: Config) -> None:
    from datasets import Features

    features = Features.from_dict(hub_features(config))
    assert yaml_features(hub_features(config)) == features._to_yaml_list()


def test_all_kinds_of_features_are_spelled_as_datasets_spells_them() -> None:
    import datasets

    features = datasets.Features(
        {
            "picture": datasets.Image(decode=False),
            "label": datasets.ClassLabel(names=["a", "b"]),
            "lists": datasets.List(
                datasets.List({"x": datasets.Value("int64"), "y": datasets.LargeList(datasets.Value("string"))})
            ),
            "fixed": datasets.List(datasets.Value("float32"), length=4),
            "struct": {"video": datasets.Video(), "pdf": datasets.Pdf()},
        }
    )
    assert yaml_features(features.to_dict()) == features._to_yaml_list()


def test_the_head_names_files_splits_and_licence() -> None:
    both = (config_facts(train=2, test=1), config_facts("videos", train=5))
    head = head_of(card(facts(configs=both, licence="CC-BY-4.0", tags=("demo",))))
    assert head["configs"] == [
        {
            "config_name": "images",
            "default": True,
            "data_files": [
                {"split": "train", "path": "data/images/train-*.parquet"},
                {"split": "test", "path": "data/images/test-*.parquet"},
            ],
        },
        {"config_name": "videos", "data_files": [{"split": "train", "path": "data/videos/train-*.parquet"}]},
    ]
    assert head["dataset_info"][0]["splits"] == [
        {"name": "train", "num_bytes": 2000, "num_examples": 2},
        {"name": "test", "num_bytes": 1000, "num_examples": 1},
    ]
    assert head["license"] == "cc-by-4.0"
    assert head["size_categories"] == ["n<1K"]
    assert head["tags"] == ["witnessmark", "artifacts", "demo"]
    assert head["task_categories"][-1] == "video-classification"


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("apache-2.0", {"license": "apache-2.0"}),
        ("CC0-1.0", {"license": "cc0-1.0"}),
        ("other", {"license": "other"}),
        ("Our terms: see [here]", {"license": "other", "license_name": "our-terms-see-here"}),
        ("🙂", {"license": "other", "license_name": "other"}),
    ],
)
def test_licences_are_spelled_as_the_hub_knows_them(licence: str, expected: dict[str, str]) -> None:
    head = head_of(card(facts(licence=licence)))
    assert {key: head[key] for key in head if key.startswith("license")} == expected


@pytest.mark.parametrize("table", ["origins", "annotation_status", "review"])
def test_counts_that_do_not_add_up_make_no_card(table: str) -> None:
    assert card(facts(**{table: (Count(name="a", count=1), Count(name="b", count=2))}))
    with pytest.raises(ValidationError, match=f"{table} count 4 rows, the splits hold 3"):
        facts(**{table: (Count(name="a", count=4),)})


def test_sources_and_stages_must_add_up_too() -> None:
    with pytest.raises(ValidationError, match="sources count 1 rows, the splits hold 3"):
        facts(sources=(SourceCount(count=1),))
    with pytest.raises(ValidationError, match="stage ingest does not add up"):
        facts(stages={"ingest": StageCounts(found=2, kept=1)})


def test_equal_facts_give_equal_bytes() -> None:
    assert card(facts()) == card(CardFacts.model_validate_json(facts().model_dump_json()))


def test_the_tables_say_what_was_counted() -> None:
    text = card(
        facts(
            stages={"ingest": StageCounts(found=1204, kept=1100, duplicate=53, rejected=51)},
            machines=(MachineFacts(name="a", kind="forensic", model="forensic 1", prompt_sha256="", candidates=3),),
            sources=(SourceCount(name="scikit-image", licence="CC0-1.0", count=2), SourceCount(count=1)),
            origins=(Count(name="real", count=3),),
            annotation_status=(Count(name="annotated_clean", count=3),),
            review=(Count(name="reviewed", count=1), Count(name="not_routed", count=2)),
            categories=(Count(name="blur", count=7),),
            near_duplicate_groups=4,
        )
    )
    for line in (
        "| `ingest` | 1,204 | 1,100 | 53 | 51 | 0 |",
        "| a | `forensic` | `forensic 1` |  | 3 |",
        "| scikit-image | CC0-1.0 | 2 |",
        "| not stated | not stated | 1 |",
        "| `annotated_clean` | 3 | a person, or complete ground truth, says that there is nothing to find |",
        "| `blur` | Edges \\| are \\*soft\\*. | image | 7 |",
        "| `noise` | Grain. | image, video, document | 0 |",
        "| **all** |  | 3 | 2 | 0.0 |",
    ):
        assert line in text.splitlines()
    assert "A person looked at 1 of 3 rows" in text
    assert "`forensic` is a baseline" in text
    assert "4 groups of near duplicates" in text
    assert "unused" not in text


def test_the_field_tables_are_the_docstrings() -> None:
    text = card(facts(configs=(config_facts(train=2), config_facts("videos", train=1))))
    assert "| `asset_id` | text | sha256 of the medium's original bytes, which are never changed. |" in text
    assert "| `regions` | list of Region | The final regions. |" in text
    assert "| `x2` | number | Right edge in pixels, exclusive. |" in text
    assert "| `taxonomy` | text | Taxonomy and version of the categories, `name@version`. |" in text
    (video_file,) = (line for line in text.splitlines() if line.startswith("| `video_file`"))
    assert video_file.endswith("(only in videos) |")
    assert all(
        line.count(" | ") == 2 for line in text.partition("### Columns")[2].splitlines() if line.startswith("| `")
    )


@pytest.mark.parametrize(
    "evil",
    [
        "---\nlicense: mit\n---",
        "a\n\n# heading",
        "<script>alert(1)</script>",
        "a | b",
        "[x](javascript:1)",
        "\ud800\x00",
    ],
)
def test_foreign_words_stay_words(evil: str) -> None:
    text = card(
        facts(
            title=evil, description=evil, recipe=evil, task=evil, licence=evil, language=evil, tags=(evil,),
            machines=(MachineFacts(name=evil, kind=evil, model=evil),),
            sources=(SourceCount(name=evil, licence=evil, count=3),),
        )
    )  # fmt: skip
    plain = card(
        facts(
            title="word",
            description="word",
            machines=(MachineFacts(name="w", kind="w", model="w"),),
            sources=(SourceCount(count=3),),
            language="w",
        )
    )
    text.encode("utf-8")
    body, plain_body = text.split("---\n", 2)[2], plain.split("---\n", 2)[2]
    assert head_of(text).keys() - {"license_name"} == head_of(plain).keys() - {"license_name"}
    assert [line for line in body.splitlines() if line.startswith("## ")] == [
        line for line in plain_body.splitlines() if line.startswith("## ")
    ]
    text_only = re.sub(r"`[^`\n]*`|\\.", "", body)  # without code spans and escaped characters
    assert "<script" not in text_only
    assert "](" not in text_only
