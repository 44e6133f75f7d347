"""Settings: single fields changed in place, in their order, and never a silent loss."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.settings import apply, with_quoting_advice
from schemas.errors import ConfigError


def changed(raw: dict[str, Any], *settings: str) -> dict[str, Any]:
    apply(raw, settings)
    return raw


def test_values_are_yaml_and_parents_appear() -> None:
    raw = changed({"seed": 1}, "seed=7", "splits={train: 1, test: 3}", "dataset.title=x = y", "exports.0.kind=jsonl")
    assert raw == {
        "seed": 7,
        "splits": {"train": 1, "test": 3},
        "dataset": {"title": "x = y"},
        "exports": [{"kind": "jsonl"}],
    }


def test_an_index_equal_to_the_length_appends() -> None:
    raw = changed({"machines": [{"kind": "a"}]}, "machines.1.kind=b", "machines.2={kind: c}")
    assert raw == {"machines": [{"kind": "a"}, {"kind": "b"}, {"kind": "c"}]}


@pytest.mark.parametrize(
    ("settings", "machines"),
    [
        (
            ("machines.0.model=m", "seed=1", "machines.0.n=3", "machines.0.kind=b"),
            [{"kind": "b", "model": "m", "n": 3}],
        ),
        (("machines.0.deep.x=1", "machines.0.kind=b"), [{"kind": "b", "deep": {"x": 1}}]),
        (("machines.0.kind=b", "machines.0.model=m", "machines.0.kind=c"), [{"kind": "c", "model": "m"}]),
        (("machines=[]", "machines.0.kind=b"), [{"kind": "b"}]),
        (("machines.0.kind=b", "machines.0.name=draft", "machines.0.kind=c"), [{"name": "draft", "kind": "c"}]),
        (("machines.0.model=m", "machines=[]", "machines.0.kind=b"), [{"kind": "b"}]),
        (("machines.0.kind=b", "machines=[]"), []),
        (("machines.0.kind=b", "machines.0={kind: c, n: 1}"), [{"kind": "c", "n": 1}]),
        (("machines.1.kind=b", "machines.0.kind=c"), [{"kind": "c"}, {"kind": "b"}]),
        (("machines.1.model=m", "machines.10=x", "machines.1.kind=b"), None),
    ],
)
def test_a_kind_empties_its_entry_before_its_other_settings(
    settings: tuple[str, ...], machines: list[dict[str, Any]] | None
) -> None:
    raw = {"machines": [{"kind": "a", "old": 1}]}
    if machines is None:
        with pytest.raises(ConfigError, match=r"'10' does not fit, there is a list of 2"):
            apply(raw, settings)
    else:
        apply(raw, settings)
        assert raw["machines"] == machines


def test_a_top_key_called_kind_empties_nothing() -> None:
    assert changed({"name": "mine"}, "kind=x") == {"name": "mine", "kind": "x"}


def test_words_stand_for_mappings() -> None:
    raw: dict[str, Any] = {"task": "artifacts", "taxonomy": "mine", "name": "n"}
    words = {"task": lambda kind: {"kind": kind}, "taxonomy": lambda name: {"name": name, "version": "1"}}
    apply(raw, ("task.language=French", "taxonomy=other", "taxonomy.version=x", "name=m"), words)
    assert raw == {
        "task": {"kind": "artifacts", "language": "French"},
        "taxonomy": {"name": "other", "version": "x"},
        "name": "m",
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nonsense", "'nonsense' is not PATH=VALUE"),
        ("=1", "'=1' is not PATH=VALUE"),
        ("name=[", "the value is not YAML"),
        ("name=2026-02-30", "the value is not YAML"),
        ("machines.5.kind=vlm", r"'5' does not fit, there is a list of 1"),
        ("machines.x.kind=vlm", r"'x' does not fit, there is a list of 1"),
        ("machines.²=1", r"'²' does not fit"),
        ("machines.-1=1", r"'-1' does not fit"),
        (f"machines.{'9' * 5000}=1", r"9' does not fit"),
        ("exports.0.x=1", "'x' does not fit, there is not a list"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        changed({"machines": [{"kind": "a"}], "exports": ["jsonl"]}, setting)


def test_other_errors_keep_their_remedy() -> None:
    error = ConfigError("no file 'x'", remedy="did you mean 'y'?")
    assert with_quoting_advice(error, ("machines.0.model=4.1",)) is error
