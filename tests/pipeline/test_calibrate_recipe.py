"""The command, against a server that looks at the pictures it is sent: which machine is measured, what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.calibrate_recipe import calibrate_recipe
from pipeline.cli import main
from schemas.errors import ConfigError
from tests.servers.seer import Seer

RECIPE = """\
# a recipe with one model
name: probe
task: artifacts
taxonomy: artifacts
sources: [{kind: folder}]
machines:
  - kind: vlm
    model: house   # ours
"""


def test_the_winner_is_written_into_the_recipe_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "probe.yaml"
    recipe.write_text(RECIPE)
    with Seer("nines_xyxy") as server, pytest.raises(SystemExit) as stopped:
        main(["calibrate", "--recipe", str(recipe), "--base-url", server.base_url, "--images", "24"])

    assert stopped.value.code == 0
    assert recipe.read_text() == RECIPE.replace("# ours\n", "# ours\n    convention: nines_xyxy\n")
    assert "machines.0.convention is now nines_xyxy" in capsys.readouterr().out


def test_a_declared_convention_that_loses_is_said_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "probe.yaml"
    recipe.write_text(RECIPE + "    convention: thousandths_xyxy\n")
    with Seer("unit_xywh") as server, pytest.raises(SystemExit) as stopped:
        main(["calibrate", "--recipe", str(recipe), "--base-url", server.base_url, "--images", "16"])

    assert stopped.value.code == 1
    assert recipe.read_text().endswith("    convention: thousandths_xyxy\n")
    out = capsys.readouterr().out
    assert "are declared as thousandths_xyxy, which hits 0%; they are unit_xywh, which hits" in out


def test_a_machine_that_only_settings_make_is_asked_and_the_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "probe.yaml"
    text = RECIPE.replace("kind: vlm", "kind: forensic").replace("    model: house   # ours\n", "")
    recipe.write_text(text)
    with Seer("unit_xyxy") as server:
        given = ("kind=vlm", "model=mystery", f"base_url={server.base_url}")
        settings = [word for setting in given for word in ("--set", f"machines.0.{setting}")]
        with pytest.raises(SystemExit) as stopped:
            main(["calibrate", str(recipe), "--images", "16", *settings])

    assert (stopped.value.code, recipe.read_text()) == (0, text)
    assert "--set machines.0.convention=unit_xyxy" in capsys.readouterr().out


def test_settings_beside_a_machine_of_the_file_still_write_the_winner(tmp_path: Path) -> None:
    recipe = tmp_path / "probe.yaml"
    recipe.write_text(RECIPE)
    with Seer("unit_xyxy") as server:
        arguments = ["--recipe", str(recipe), "--images", "16", "--set", f"machines.0.base_url={server.base_url}"]
        with pytest.raises(SystemExit) as stopped:
            main(["calibrate", *arguments])

    assert stopped.value.code == 0
    assert recipe.read_text() == RECIPE.replace("# ours\n", "# ours\n    convention: unit_xyxy\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "nothing says which model"),
        (["--model", "house", "--base-url", "http://127.0.0.1:9/v1", "--convention", "unit_xyxx"], "did you mean"),
        (["--recipe", "artifact-polygons"], "no file 'artifact-polygons'"),
    ],
)
def test_what_is_wrong_is_said_before_any_question(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["calibrate", *arguments])

    assert stopped.value.code == 2
    assert problem in capsys.readouterr().err


def test_a_recipe_without_such_a_machine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "probe.yaml").write_text(RECIPE)
    options = {"base_url": None, "convention": None, "images": 1, "answers": None, "seed": 0, "write": print}

    with pytest.raises(ConfigError, match="has 0 machines to calibrate"):
        calibrate_recipe(str(tmp_path / "probe.yaml"), model="other", **options)  # type: ignore[arg-type]


def test_a_model_at_several_addresses_is_measured_there_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "probe.yaml"
    with Seer("unit_xyxy") as one, Seer("unit_xyxy") as two, Seer("unit_xyxy") as other:
        recipe.write_text(RECIPE + f"    base_urls: ['{one.base_url}', '{two.base_url}']\n")
        monkeypatch.setenv("OPENAI_BASE_URL", other.base_url)
        with pytest.raises(SystemExit) as stopped:
            main(["calibrate", "--recipe", str(recipe), "--images", "16"])
        asked = (len(one.words) + len(two.words), len(other.words))
        with pytest.raises(SystemExit):
            main(["calibrate", "--recipe", str(recipe), "--images", "8", "--base-url", other.base_url])

    assert stopped.value.code == 0
    assert asked == (16, 0)
    assert len(other.words) == 8
    assert "    convention: unit_xyxy\n" in recipe.read_text()


def test_a_machine_in_batch_mode_is_measured_at_once(tmp_path: Path) -> None:
    recipe = tmp_path / "probe.yaml"
    recipe.write_text(RECIPE + "    mode: batch\n")
    with Seer("unit_xyxy") as server, pytest.raises(SystemExit) as stopped:
        main(["calibrate", "--recipe", str(recipe), "--images", "8", "--base-url", server.base_url])

    assert (stopped.value.code, len(server.words)) == (0, 8)
