"""The environment's checks: what is seen, what is missing, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import doctor
from pipeline.doctor import Check, examine, lines

OURS = {"schemas": ["witnessmark"], "annotators": ["witnessmark", "witnessmark"], "pipeline": ["witnessmark"]}


def test_this_environment_is_fit(tmp_path: Path) -> None:
    checks = examine(tmp_path, {})

    assert [check.name for check in checks] == [
        "Python",
        "packages",
        "import names",
        "Beam",
        "image decoders",
        "video decoders",
        "document decoder",
        "plug-ins",
        "recipes",
        "room in this folder",
        "room for temporary files",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "HF_TOKEN",
    ]
    assert [check for check in checks if not check.ok] == []


@pytest.mark.parametrize(
    ("found", "ok"),
    [((3, 10, 13), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 0), False), ((4, 0, 0), False)],
)
def test_python_3_11_to_3_13_fit(found: tuple[int, ...], ok: bool) -> None:
    assert doctor.check_python(found).ok is ok


def test_packages_within_their_bounds() -> None:
    assert doctor.check_packages(("pydantic>=2", "no-such-thing>=1; python_version < '3'")) == Check(
        "packages", True, "2 packages within their bounds", doctor.SET_UP_AGAIN
    )


def test_every_package_that_is_missing_or_out_of_bounds_is_named() -> None:
    from importlib.metadata import version

    check = doctor.check_packages(("pydantic<2", "no-such-thing>=1", "pillow"))

    assert not check.ok
    assert check.detail == f"pydantic {version('pydantic')} is not <2; no-such-thing is missing"


def test_a_distribution_that_is_not_installed_asks_for_nothing_and_fails() -> None:
    assert doctor.requires_of("no-such-thing") == ()
    assert doctor.check_packages(()).detail == "witnessmark is not installed"


def test_requirements_of_extras_are_not_asked_for() -> None:
    asked = doctor.requires_of("witnessmark")

    assert any(line.startswith("apache-beam") for line in asked)
    assert not [line for line in asked if "extra" in line or line.startswith("torch")]


def test_the_import_names_are_ours() -> None:
    check = doctor.check_names(OURS)

    assert check.ok
    assert check.detail.startswith("annotators, pipeline, schemas from ")


def test_a_stranger_under_one_of_our_names_is_named() -> None:
    check = doctor.check_names({**OURS, "annotators": ["annotators", "witnessmark"]})

    assert not check.ok
    assert check.detail == "annotators is also installed by annotators"


def test_a_name_that_we_do_not_own_fails() -> None:
    owners = {name: who for name, who in OURS.items() if name != "schemas"}

    assert doctor.check_names(owners).detail == "schemas is not installed by witnessmark"


def test_room(tmp_path: Path) -> None:
    assert doctor.check_room("room", tmp_path, needed_bytes=1).ok
    assert doctor.check_room("room", tmp_path / "not" / "there" / "yet", needed_bytes=1).detail.endswith(str(tmp_path))

    full = doctor.check_room("room", tmp_path, needed_bytes=2**90)
    assert not full.ok
    assert full.remedy.startswith("free at least ")


def test_of_keys_it_is_only_said_that_they_are_set() -> None:
    value = "sk-very-private"
    checks = tuple(doctor.check_variables({"OPENAI_API_KEY": value, "OPENAI_BASE_URL": ""}))

    assert [check.detail for check in checks] == [
        "not set (where the model server is)",
        "set (its key)",
        "not set (the key to the Hub)",
    ]
    assert all(check.ok for check in checks)
    assert value not in "\n".join(lines(checks))


def test_a_remedy_stands_below_the_check_that_needs_it() -> None:
    checks = (Check("one", True, "fine", "nothing"), Check("two", False, "broken", "mend it"))

    assert list(lines(checks)) == ["ok    one: fine", "FAIL  two: broken", "      → mend it"]
