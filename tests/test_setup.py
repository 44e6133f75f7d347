"""Packaging and set-up: what the wheel holds, what the locks pin, and what make would do."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("annotators", "pipeline", "schemas")


def sources_of(top: str) -> list[Path]:
    """Python files of a package, relative to the repository."""
    found = (ROOT / top).rglob("*.py")
    return sorted(path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts)


def setup_arguments() -> dict[str, Any]:
    """The literal arguments of ``setup()``."""
    calls = [node for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if isinstance(node, ast.Call)]
    return {word.arg: ast.literal_eval(word.value) for word in calls[0].keywords if word.arg}


def pins_of(lock: str) -> dict[str, list[Requirement]]:
    """Pinned requirements of a lock file by name; a name has one pin per group of environments."""
    lines = (ROOT / lock).read_text().replace(" \\\n", " ").splitlines()
    pins: dict[str, list[Requirement]] = {}
    for line in lines:
        if re.match(r"\w", line):
            pin = Requirement(re.sub(r" +--hash=.*", "", line))
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


def version_of(pin: Requirement) -> Version:
    (bound,) = pin.specifier
    assert bound.operator == "==", pin
    return Version(bound.version)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy that also holds what must stay out of it."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in (*TOPS, "tests", "configs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", out, copy], check=True, stdin=subprocess.DEVNULL)
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_our_packages_whole_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    code = {path.as_posix() for top in TOPS for path in sources_of(top)}
    templates = {
        path.relative_to(ROOT).as_posix()
        for top in TOPS
        for path in (ROOT / top).rglob("*")
        if path.suffix in {".jinja", ".css", ".js", ".html"}
    }

    configs = {
        f"pipeline/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "configs").rglob("*") if path.is_file()
    }

    assert configs
    assert shipped == code | templates | configs


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = wheel.read(f"{info}/METADATA").decode()

    assert re.fullmatch(r"witnessmark-\d+\.\d+\.\d+\.dist-info", info)
    (python,) = re.findall(r"\nRequires-Python: (.*)\n", metadata)
    assert sorted(python.split(",")) == ["<3.14", ">=3.11"]
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert wheel.read(f"{info}/entry_points.txt").decode().split() == [
        "[console_scripts]",
        "witnessmark",
        "=",
        "pipeline.__main__:main",
    ]


def test_the_wheel_runs_from_another_folder(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    (tmp_path / "pipeline").mkdir()
    program = f"""import sys; sys.path.insert(0, {str(tmp_path / "site")!r})
from pipeline.__main__ import main
import annotators, pipeline, schemas
print(*(package.__path__[0] for package in (annotators, pipeline, schemas)), sep="\\n")
from pipeline.recipe import load_recipe
print(load_recipe("artifact-polygons", ("machines.0.kind=vlm", "machines.0.prompt=artifacts.image")).name)
main(["--help"])"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True
    )

    first = done.stdout.splitlines()
    assert first[:4] == [*(str(tmp_path / "site" / top) for top in TOPS), "artifact-polygons"]
    assert " verify " in done.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = ("apache_beam", "datasets", "pyarrow", "numpy", "cv2", "av", "openai", "PIL", "torch")
    program = f"""import sys
from pipeline.__main__ import main
try:
    main(["--help"])
except SystemExit:
    pass
print("loaded:", *(name for name in {heavy!r} if name in sys.modules))"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)

    assert done.stdout.splitlines()[-1].strip() == "loaded:"


OPTIONAL = ("segment", "segment-torch")
"""Extras whose packages may be imported by the segmenters that say so before any work."""


def test_every_package_that_is_imported_is_asked_for() -> None:
    arguments = setup_arguments()
    asked = {canonicalize_name(Requirement(line).name) for line in arguments["install_requires"]}
    optional = {
        canonicalize_name(Requirement(line).name) for name in OPTIONAL for line in arguments["extras_require"][name]
    }
    owners = packages_distributions()
    for path in (path for top in TOPS for path in sources_of(top)):
        for module in imported_modules(path) - set(sys.stdlib_module_names) - set(TOPS):
            names = {canonicalize_name(name) for name in owners.get(module, [module])}
            allowed = asked | optional if path.match("annotators/segmenters/sam_*.py") else asked
            assert names & allowed, f"{path} imports {module}, of {names}: name it in setup.py"


def imported_modules(path: Path) -> set[str]:
    """Top-level names of the absolute imports of a file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_pins_what_setup_asks_for(lock: str) -> None:
    pins = pins_of(lock)
    for line in setup_arguments()["install_requires"]:
        asked = Requirement(line)
        for pin in pins[canonicalize_name(asked.name)]:
            assert asked.specifier.contains(version_of(pin)), f"{pin} is not {asked}: run make lock"


def test_what_runs_is_what_was_tested() -> None:
    runtime, dev = pins_of("requirements.lock"), pins_of("requirements-dev.lock")

    assert {name: {version_of(pin) for pin in dev.get(name, ())} for name in runtime} == {
        name: {version_of(pin) for pin in pins} for name, pins in runtime.items()
    }


def test_the_build_back_end_is_locked_too() -> None:
    assert "setuptools" in pins_of("requirements.lock")


def test_every_requirement_for_development_is_locked() -> None:
    lines = (ROOT / "requirements-dev.in").read_text().splitlines()
    asked = [Requirement(text) for line in lines if (text := line.partition("#")[0].strip())]
    pins = pins_of("requirements-dev.lock")

    assert asked
    for wanted in asked:
        assert all(wanted.specifier.contains(version_of(pin)) for pin in pins[canonicalize_name(wanted.name)])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_name_hashes_and_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pinned = [block for block in re.split(r"\n(?=\w)", text) if "==" in block]

    assert pinned
    assert [block.splitlines()[0] for block in pinned if "--hash=sha256:" not in block] == []
    assert "://" not in text


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on this machine")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make there; nothing of an outer make's state reaches it."""
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as make looks at, in a folder whose name has a space."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for path in (ROOT / "Makefile", ROOT / "setup.py", ROOT / "pyproject.toml", *ROOT.glob("requirements*.lock")):
        shutil.copy(path, folder)
    return folder


def stamps(folder: Path) -> dict[str, Path]:
    """The stamp files of a checkout, by what they stand for."""
    shown = make(folder, "--dry-run", "test").stdout
    return {name: folder / found for found, name in re.findall(r"touch (\.venv/\.(\w+)-\d+)", shown)}


@needs_make
def test_make_alone_lists_every_target() -> None:
    shown = make(ROOT).stdout
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

    assert re.findall(r"^make ([a-z-]+) ", shown, flags=re.MULTILINE) == targets
    assert {"help", "demo", "test", "check", "bench", "lock", "clean"} <= set(targets)


@needs_make
def test_make_demo_sets_up_what_runs_and_nothing_for_development(checkout: Path) -> None:
    shown = make(checkout, "--dry-run", "demo").stdout

    assert "--requirement requirements.lock" in shown
    assert "requirements-dev.lock" not in shown
    assert shown.splitlines()[-1] == '.venv/bin/witnessmark demo --run "runs/demo"'


@needs_make
def test_make_test_after_make_demo_adds_only_what_development_needs(checkout: Path) -> None:
    marks = stamps(checkout)
    assert sorted(marks) == ["dev", "made", "runtime"]
    (checkout / ".venv").mkdir()
    marks["made"].touch()
    marks["runtime"].touch()

    shown = make(checkout, "--dry-run", "test").stdout

    assert "venv --clear .venv" not in shown
    assert "--requirement requirements.lock" not in shown
    assert "--requirement requirements-dev.lock" in shown
    assert "--requirement requirements-label-studio.lock" in shown
    marks["dev"].touch()
    studio = marks["dev"].parents[1] / ".label-studio"
    studio.mkdir()
    (studio / marks["made"].name).touch()
    assert len(make(checkout, "--dry-run", "test").stdout.splitlines()) == 1


@needs_make
def test_a_moved_checkout_gets_an_environment_of_its_own(checkout: Path, tmp_path: Path) -> None:
    marks = stamps(checkout)
    (checkout / ".venv").mkdir()
    for mark in marks.values():
        mark.touch()
    moved = checkout.rename(tmp_path / "elsewhere")

    assert "venv --clear" in make(moved, "--dry-run", "demo").stdout


@needs_make
@pytest.mark.parametrize("python", ["/bin/false", "/no/such/python", ""])
def test_no_fitting_python_is_said_with_what_to_do(checkout: Path, python: str) -> None:
    done = make(checkout, "demo", f"PYTHON={python}")

    assert done.returncode == 2
    assert "No Python 3.11, 3.12 or 3.13 with venv and ensurepip was found" in done.stderr
    assert "make PYTHON=/path/to/python3.11" in done.stderr
    assert not (checkout / ".venv").exists()
