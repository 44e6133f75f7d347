"""Whether this machine can run Witnessmark: pure checks, each with what was seen and what to do.

Nothing here repairs anything, and nothing prints a secret: of keys it is only said that they are set.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

__all__ = ["Check", "examine", "lines"]

DISTRIBUTION = "witnessmark"
OUR_NAMES = ("annotators", "pipeline", "schemas")
SET_UP_AGAIN = "run `make demo` or `make test`: both set up .venv from the lock file"
MIN_FREE_BYTES = 2**30
"""Room for one shard being written, one decoded file and the tables of a small run."""
IMAGE_FORMATS = {"JPEG": "jpg", "WebP": "webp", "AVIF": "avif", "TIFF": "libtiff"}
VIDEO_CODECS = ("h264", "hevc", "vp9", "av1")
VARIABLES = {
    "OPENAI_BASE_URL": "where the model server is",
    "OPENAI_API_KEY": "its key",
    "HF_TOKEN": "the key to the Hub",
}


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    ok: bool
    """Whether work can begin as far as this is concerned."""
    detail: str
    """What was seen."""
    remedy: str = ""
    """What to do where it is not ok; may also hold advice where it is."""


def examine(folder: Path | None = None, environment: Mapping[str, str] | None = None) -> tuple[Check, ...]:
    """Every check, in the order a person would mend them; ``folder`` is where runs will be written."""
    place = folder or Path.cwd()
    return (
        check_python(sys.version_info[:3]),
        check_packages(requires_of(DISTRIBUTION)),
        check_names(packages_distributions()),
        check_beam(),
        check_images(),
        check_videos(),
        check_documents(),
        check_plugins(),
        check_configs(),
        check_room("room in this folder", place),
        check_room("room for temporary files", Path(tempfile.gettempdir())),
        *check_variables(os.environ if environment is None else environment),
    )


def lines(checks: tuple[Check, ...]) -> Iterator[str]:
    """The checks as text, one line each; a remedy stands below the check that needs it."""
    for check in checks:
        yield f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}"
        if not check.ok and check.remedy:
            yield f"      → {check.remedy}"


def check_python(found: tuple[int, ...]) -> Check:
    """Python 3.11 to 3.13: what Beam, and the lock, support."""
    fits = (3, 11) <= found[:2] <= (3, 13)
    return Check("Python", fits, f"{'.'.join(map(str, found))}, needs 3.11 to 3.13", "make PYTHON=/path/to/python3.11")


def requires_of(distribution: str) -> tuple[str, ...]:
    """What an installed distribution asks for, without its extras; empty where it is not installed."""
    try:
        asked = requires(distribution) or []
    except PackageNotFoundError:
        return ()
    return tuple(line for line in asked if "extra ==" not in line)


def check_packages(asked: tuple[str, ...]) -> Check:
    """Every package that ``setup.py`` asks for is there, in a version within its bounds."""
    if not asked:
        return Check("packages", False, f"{DISTRIBUTION} is not installed", SET_UP_AGAIN)
    wrong = tuple(complaint for line in asked if (complaint := _complaint(Requirement(line))))
    detail = "; ".join(wrong) or f"{len(asked)} packages within their bounds"
    return Check("packages", not wrong, detail, SET_UP_AGAIN)


def check_names(owners: Mapping[str, list[str]]) -> Check:
    """The three import names are ours: strangers publish packages of the same names.

    ``owners`` is what ``importlib.metadata.packages_distributions`` says.
    """
    foreign = {name: sorted(set(owners.get(name, ())) - {DISTRIBUTION}) for name in OUR_NAMES}
    missing = [name for name in OUR_NAMES if DISTRIBUTION not in owners.get(name, ())]
    homes = {_home_of(name) for name in OUR_NAMES}
    wrong = [f"{name} is also installed by {', '.join(who)}" for name, who in foreign.items() if who]
    wrong += [f"{name} is not installed by {DISTRIBUTION}" for name in missing]
    wrong += [f"they come from several places: {', '.join(sorted(homes))}"] if len(homes) > 1 else []
    remedy = "uninstall the stranger and set up again: make clean, then make demo"
    return Check("import names", not wrong, "; ".join(wrong) or f"{', '.join(OUR_NAMES)} from {homes.pop()}", remedy)


def check_beam() -> Check:
    """Beam can be imported, and so can the runner that is our local default."""
    wrong = _import_problem("apache_beam") or _import_problem("apache_beam.runners.portability.fn_api_runner")
    return Check("Beam", not wrong, wrong or f"apache-beam {version('apache-beam')} with FnApiRunner", SET_UP_AGAIN)


def check_images() -> Check:
    """Pillow was built with the formats that come in."""
    if wrong := _import_problem("PIL.features") or _import_problem("cv2"):
        return Check("image decoders", False, wrong, SET_UP_AGAIN)
    from PIL import features

    missing = [name for name, feature in IMAGE_FORMATS.items() if not features.check(feature)]
    return _decoders("image decoders", f"Pillow {version('pillow')}", tuple(IMAGE_FORMATS), missing)


def check_videos() -> Check:
    """PyAV brings decoders for the codecs that come in."""
    if wrong := _import_problem("av"):
        return Check("video decoders", False, wrong, SET_UP_AGAIN)
    import av

    missing = [codec for codec in VIDEO_CODECS if codec not in av.codecs_available]
    return _decoders("video decoders", f"PyAV {version('av')}", VIDEO_CODECS, missing)


def check_documents() -> Check:
    """Pdfium loads."""
    wrong = _import_problem("pypdfium2")
    return Check("document decoder", not wrong, wrong or f"pypdfium2 {version('pypdfium2')}", SET_UP_AGAIN)


def check_plugins() -> Check:
    """Every plug-in file can be imported and names its options."""
    from schemas.plugins import available

    packages = ("annotators.machines", "annotators.people", "pipeline.sources", "pipeline.exports")
    kinds = {package: available(importlib.import_module(package)) for package in packages}
    wrong = [text for package in packages for kind in kinds[package] if (text := _plugin_problem(f"{package}.{kind}"))]
    found = "; ".join(f"{package.partition('.')[2]}: {', '.join(kinds[package]) or 'none'}" for package in packages)
    return Check("plug-ins", not wrong, "; ".join(wrong) or found, "mend or remove the named file")


def check_configs() -> Check:
    """The shipped recipes came along with the packages."""
    from .recipe import CONFIG_FOLDER

    names = sorted(path.stem for path in (CONFIG_FOLDER / "recipes").glob("*.yaml"))
    seen = f"{CONFIG_FOLDER}: {', '.join(names) or 'no recipes'}"
    return Check("recipes", bool(names), seen, "install again, or give the path of a recipe of your own")


def check_room(name: str, place: Path, needed_bytes: int = MIN_FREE_BYTES) -> Check:
    """A folder, or the nearest one above it that exists, that can be written to and has room."""
    folder = next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(folder).free
    is_writable = os.access(folder, os.W_OK)
    detail = f"{free / 2**30:.1f} GiB free in {folder}" if is_writable else f"{folder} cannot be written to"
    remedy = f"free at least {needed_bytes / 2**30:.0f} GiB, or work elsewhere (--run, TMPDIR)"
    return Check(name, is_writable and free >= needed_bytes, detail, remedy)


def check_variables(environment: Mapping[str, str]) -> Iterator[Check]:
    """Keys and addresses: only whether they are set. None is needed without a model server and the Hub."""
    for name, meaning in VARIABLES.items():
        yield Check(name, True, f"{'set' if environment.get(name) else 'not set'} ({meaning})")


def _complaint(asked: Requirement) -> str:
    if asked.marker is not None and not asked.marker.evaluate():
        return ""
    try:
        found = version(asked.name)
    except PackageNotFoundError:
        return f"{asked.name} is missing"
    return "" if asked.specifier.contains(found, prereleases=True) else f"{asked.name} {found} is not {asked.specifier}"


def _home_of(name: str) -> str:
    """The folder in which Python finds a package, or ``nowhere``."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return str(Path(places[0]).resolve().parent) if places else "nowhere"


def _import_problem(module: str) -> str:
    """Why a module cannot be imported (a missing package, a missing shared library), or nothing."""
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:
        return f"{module} cannot be imported: {error}"
    return ""


def _plugin_problem(module: str) -> str:
    if problem := _import_problem(module):
        return problem
    return "" if hasattr(importlib.import_module(module), "Config") else f"{module} has no Config"


def _decoders(name: str, who: str, wanted: tuple[str, ...], missing: list[str]) -> Check:
    detail = f"{who} lacks {', '.join(missing)}" if missing else f"{who} reads {', '.join(wanted)}"
    return Check(name, not missing, detail, SET_UP_AGAIN)
