"""Tasks for a judge: one for each sample on which reviewers differ, beside the reviews that are handed out."""

from __future__ import annotations

from collections.abc import Sequence

from annotators.base import Assignment, Verifier
from schemas.ledger import SubmittedTask
from schemas.verification import Verification

from .agreement.adjudication import disputes
from .assembly import preferred
from .desk import cases_of
from .recipe import Recipe
from .storage import RunFolder
from .tables import read_batches, read_rows

__all__ = ["with_adjudications"]


def with_adjudications(
    run: RunFolder, recipe: Recipe, tools: Sequence[Verifier], assignments: Sequence[tuple[Assignment, ...]]
) -> list[tuple[Assignment, ...]]:
    """Each tool's assignments, and the disputes among what it collects; a dispute stays handed out once it was.

    The judge starts from the machines' proposal like everybody; the reviews are in ``verifications/``.
    """
    wanted = {dispute.sample_id for dispute in disputes(read_rows(run, "verifications", Verification))}
    wanted |= {row.sample_id for row in read_rows(run, "tasks", SubmittedTask) if row.purpose == "adjudication"}
    groups = [list(group) for group in assignments]
    cases = cases_of(run, wanted) if wanted else {}
    machines = [config.title for config in recipe.machines]
    current = {c for batch in read_batches(run, "candidates", ("candidate_id",)) for c in batch.column(0).to_pylist()}
    for sample_id in sorted(wanted & cases.keys()):
        sample, found = cases[sample_id]
        taker = next((i for i, tool in enumerate(tools) if tool.accepts(sample)), None)
        if taker is not None:
            proposed = [candidate for candidate in found.values() if candidate.candidate_id in current]
            chosen = preferred(proposed, machines, recipe.dataset.annotation)
            groups[taker].append(Assignment(sample=sample, candidate=chosen, purpose="adjudication"))
    return [tuple(group) for group in groups]
