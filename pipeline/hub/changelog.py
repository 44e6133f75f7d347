"""The changelog of a published dataset: what each version added, changed and removed."""

from __future__ import annotations

from collections.abc import Sequence

from .rows import RowChanges

__all__ = ["HEADING", "section", "summary", "with_section"]

HEADING = "# Changelog\n"


def summary(changes: Sequence[RowChanges]) -> str:
    """The whole change in one line, e.g. ``3 rows added, 1 changed, 0 removed``."""
    added, changed, removed = (sum(getattr(c, name) for c in changes) for name in ("added", "changed", "removed"))
    return f"{added:,} rows added, {changed:,} changed, {removed:,} removed"


def section(tag: str, changes: Sequence[RowChanges], note: str = "") -> str:
    """A version's section in Markdown, with a table by config."""
    lines = [f"## {tag}", "", *([note, ""] if note else []), f"{summary(changes)}.", ""]
    lines += ["| config | rows | added | changed | removed |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {c.config} | {c.rows:,} | {c.added:,} | {c.changed:,} | {c.removed:,} |" for c in changes]
    return "\n".join(lines) + "\n"


def with_section(changelog: str, newest: str) -> str:
    """The changelog with a section on top of the earlier ones."""
    earlier = changelog.removeprefix(HEADING).lstrip("\n")
    return f"{HEADING}\n{newest}" + (f"\n{earlier}" if earlier else "")
