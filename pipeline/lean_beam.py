"""Apache Beam without the libraries that it imports for dataframes, BigQuery and Pub/Sub wherever they are installed.

Beam asks for each and goes on without those that it does not find. Nothing here uses one, and they take a third of the
start of every process that runs a graph. They are hidden from Beam only, while it is imported: whoever imports them
later finds them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

__all__ = ["import_lean"]

UNUSED = frozenset({"pandas", "google.cloud.bigquery", "google.cloud.bigquery_storage_v1", "google.cloud.pubsub"})


class _Unused(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name in UNUSED and _is_loading():
            raise ModuleNotFoundError(f"{name} is hidden while Beam is imported", name=name)


def _is_loading() -> bool:
    """Whether Beam's import has begun and not ended: its version is the last thing it sets."""
    beam = sys.modules.get("apache_beam")
    return beam is not None and not hasattr(beam, "__version__")


def import_lean() -> None:
    """From now on Beam's import is lean, where it has not happened yet. Repeatable."""
    if not any(isinstance(finder, _Unused) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Unused())
