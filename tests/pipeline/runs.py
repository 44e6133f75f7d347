"""A run folder as people meet it: commands by their names, the manifest, and what verify says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.storage import Manifest, RunFolder
from pipeline.verify import verify_run

__all__ = ["defects_of", "manifest_of", "witnessmark"]


def witnessmark(*arguments: object) -> int:
    """Exit code of a command, run in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def manifest_of(run: Path | RunFolder) -> Manifest:
    """The manifest, which must be there."""
    manifest = _folder(run).read_manifest()
    assert manifest is not None
    return manifest


def defects_of(run: Path | RunFolder) -> list[str]:
    """What verify finds."""
    return verify_run(_folder(run), manifest_of(run))


def _folder(run: Path | RunFolder) -> RunFolder:
    return run if isinstance(run, RunFolder) else RunFolder(str(run))
