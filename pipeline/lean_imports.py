"""Beam and pyarrow without the libraries that they import for dataframes, BigQuery and Pub/Sub wherever they are there.

Each asks for them and goes on without those that it does not find. Nothing here uses one, and they take a third of the
start of every process that runs a graph. They are hidden from Beam while it is imported, and pandas from pyarrow when
one of our modules makes an array: whoever imports them himself finds them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

__all__ = ["import_lean"]

UNUSED = frozenset({"pandas", "google.cloud.bigquery", "google.cloud.bigquery_storage_v1", "google.cloud.pubsub"})
LOADERS = (__name__, "importlib.", "_frozen_importlib")
OURS = frozenset({"schemas", "annotators", "pipeline"})


class _Unused:
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name in UNUSED and (_is_loading_beam() or _is_asked_below_us()):
            raise ModuleNotFoundError(f"{name} is hidden from Beam and pyarrow", name=name)


def _is_loading_beam() -> bool:
    """Whether Beam's import has begun and not ended: its version is the last thing it sets."""
    beam = sys.modules.get("apache_beam")
    return beam is not None and not hasattr(beam, "__version__")


def _is_asked_below_us() -> bool:
    """Whether compiled code that one of our modules called imports: pyarrow, which leaves no frame of its own."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(LOADERS):
        frame = frame.f_back
    return frame.f_globals.get("__name__", "").partition(".")[0] in OURS


def import_lean() -> None:
    """From now on both imports are lean, where they have not happened yet. Repeatable."""
    if not any(isinstance(finder, _Unused) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Unused())
