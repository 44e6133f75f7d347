"""What is published is pinned: a change of these files is a change of every user's dataset."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from schemas.published import CONFIG_OF, Config, dataset_schema
from schemas.record import Record

GOLDEN = Path(__file__).parent.parent / "golden"


def _is_pinned(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("WITNESSMARK_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    pinned = path.read_text(encoding="utf-8") if path.exists() else ""
    message = f"{name} differs. If that is meant: WITNESSMARK_UPDATE_GOLDEN=1 pytest {__file__}, and a changelog line"
    assert text.splitlines() == pinned.splitlines(), message


@pytest.mark.parametrize("config", CONFIG_OF.values())
def test_the_columns_of_a_config(config: Config) -> None:
    columns = dataset_schema(config).remove_metadata().to_string(truncate_metadata=False, element_size_limit=10_000)

    _is_pinned(f"dataset.{config}.schema.txt", columns + "\n")


def test_the_json_schema_of_a_record() -> None:
    _is_pinned("record.schema.json", json.dumps(Record.model_json_schema(), indent=1, ensure_ascii=False) + "\n")
