from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from schemas.candidate import Candidate, Region
from schemas.errors import ConfigError
from schemas.plugins import available, config_class, configure, load, readable
from schemas.record import Record

PLUGIN = """
from schemas.plugins import PluginConfig

__all__ = ["Config", "Painter"]


class Config(PluginConfig):
    kind: str = "painter"
    color: str = "red"


class Painter:
    def __init__(self, config):
        self.config = config
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of plug-ins with one file in it, and one hidden."""
    folder = tmp_path / "trades"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "painter.py").write_text(PLUGIN)
    (folder / "_brushes.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    import trades

    yield trades
    for name in [name for name in sys.modules if name.partition(".")[0] == "trades"]:
        del sys.modules[name]


def test_a_file_is_a_plugin(package: ModuleType) -> None:
    config = configure(package, {"kind": "painter", "color": "blue"}, where="painters.0")

    assert available(package) == ("painter",)
    assert type(config) is config_class(package, "painter")
    assert load(package, config).config.color == "blue"


@pytest.mark.parametrize(
    ("options", "message", "remedy"),
    [
        ({"kind": "paintr"}, "unknown trades kind 'paintr'", "did you mean 'painter'?"),
        ({"kind": "cook"}, "unknown trades kind 'cook'", "there are: painter"),
        ({"kind": "_brushes"}, "unknown trades kind '_brushes'", "there are: painter"),
        ({"color": "blue"}, "painters.0: needs a mapping with a 'kind'", "one of painter"),
        (
            {"kind": "painter", "colour": "blue"},
            "painters.0: unknown field 'colour', did you mean 'color'?",
            "see docs/recipe.md",
        ),
        (
            {"kind": "painter", "color": 3},
            "painters.0: color: Input should be a valid string",
            "see docs/recipe.md",
        ),
    ],
)
def test_wrong_options_are_said(options: dict[str, object], message: str, remedy: str, package: ModuleType) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(package, options, where="painters.0")

    assert (caught.value.message, caught.value.remedy) == (message, remedy)


def test_a_nested_field_is_compared_with_its_neighbors(image_record: Record) -> None:
    row = image_record.model_dump()
    row["regions"][0]["box"]["xx1"] = 3
    row["media"]["widht"] = 3

    with pytest.raises(ValidationError) as caught:
        Record.model_validate(row)

    assert readable(caught.value, Record) == (
        "unknown field 'media.image.widht', did you mean 'width'?; "
        "unknown field 'regions.0.box.xx1', did you mean 'x1'?"
    )


def test_our_own_words_stand_alone() -> None:
    with pytest.raises(ValidationError) as caught:
        Candidate(candidate_id="c", sample_id="s", machine="m", kind="k", regions=({"region_id": "r"},))  # type: ignore[typeddict-item]
    assert readable(caught.value, Candidate) == "regions.0.category: Field required; regions.0.source: Field required"

    with pytest.raises(ValidationError) as caught:
        Region(region_id="r", category="c", source="machine")
    assert readable(caught.value, Region).startswith("region r: no box")
