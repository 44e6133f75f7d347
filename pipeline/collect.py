"""People's results into ``verifications/``: what changed is replaced, what is gone disappears, nothing is kept half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from pydantic import Field, NonNegativeInt

from schemas.base import Frozen
from schemas.errors import ConfigError
from schemas.ledger import SubmittedTask
from schemas.record import Rejection
from schemas.verification import Verification

from .desk import desk_for, people_of, recall, remember
from .ledger import refresh_files, write_rejections
from .stages import recipe_of
from .storage import Manifest, RunFolder
from .tables import read_rows, write_table

__all__ = ["CollectedCounts", "collect"]

Write = Callable[[str], None]


class CollectedCounts(Frozen):
    """What people have decided so far, and what the last collection changed."""

    tasks: NonNegativeInt = 0
    """Tasks in the ledger."""
    answered: NonNegativeInt = 0
    """Of these, with at least one usable result; skips count."""
    verifications: NonNegativeInt = 0
    """People's decisions."""
    verdicts: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """Of these, by verdict."""
    rejected: NonNegativeInt = 0
    """Results that cannot be used; each is a row of ``rejections/``."""
    withdrawn: NonNegativeInt = 0
    """Decisions that were there at the last collection and are deleted now."""

    def lines(self) -> list[str]:
        """The same in words."""
        verdicts = ", ".join(f"{name} {count:,}" for name, count in sorted(self.verdicts.items()))
        first = f"collect: {self.answered:,} of {self.tasks:,} tasks answered" + (f"; {verdicts}" if verdicts else "")
        first += f"; {self.rejected:,} results cannot be used, see rejections/" if self.rejected else ""
        gone = f"collect: {self.withdrawn:,} decisions were deleted by people and are gone from verifications/"
        return [first, *([gone] if self.withdrawn else [])]


def collect(run: RunFolder, manifest: Manifest, *, everything: bool = False, write: Write) -> CollectedCounts:
    """Read back what changed; with ``everything``, all there is. Raises ConfigError, ServiceError; a rerun goes on."""
    recipe = recipe_of(manifest)
    tools = people_of(recipe)
    if not tools:
        raise ConfigError("the recipe names no people", remedy="add e.g. --set people.0.kind=label_studio")
    ledger = tuple(read_rows(run, "tasks", SubmittedTask))
    if not ledger:
        raise ConfigError(f"{run.uri}: nothing was handed out", remedy="witnessmark submit comes first")
    before = tuple(read_rows(run, "verifications", Verification))
    kept, rejections = list(before), _earlier_rejections(run)
    memories = []
    for tool in tools:
        desk = desk_for(run, manifest, recipe, tool, write=write)
        found = tool.collect(ledger, desk, memory="" if everything else recall(run, tool))
        looked_at = found.task_keys | found.gone
        kept = [v for v in kept if v.task_key not in looked_at] + list(found.verifications)
        tasks = {row.sample_id for row in ledger if row.task_key in looked_at}
        rejections = [r for r in rejections if r.sample_id not in tasks] + list(found.rejections)
        memories.append((tool, found.memory))
    unique = {v.verification_id: v for v in kept}
    write_table(run, "verifications", (unique[key] for key in sorted(unique)), Verification)
    write_rejections(run, "collect", rejections)
    for tool, memory in memories:
        remember(run, tool, memory)
    refresh_files(run, manifest, ("verifications", "rejections"))
    return _counts(ledger, tuple(unique.values()), before, len(rejections))


def _earlier_rejections(run: RunFolder) -> list[Rejection]:
    """Results that could not be used at earlier collections and were not looked at again."""
    return list(read_rows(run, "rejections", Rejection, prefix="collect"))


def _counts(
    ledger: Sequence[SubmittedTask], now: Sequence[Verification], before: Sequence[Verification], rejected: int
) -> CollectedCounts:
    ids = {v.verification_id for v in now}
    answered = {v.task_key for v in now}
    return CollectedCounts(
        tasks=len(ledger),
        answered=sum(row.task_key in answered for row in ledger),
        verifications=len(now),
        verdicts=dict(Counter(v.verdict for v in now)),
        rejected=rejected,
        withdrawn=sum(v.verification_id not in ids for v in before),
    )
