"""Who is asked: the random audit, then what is certain, then the ranking as far as the budget goes.

The audit is Bernoulli: a sample is audited where the hash of its id, as a number in [0, 1), is below the audit's
share. So nothing else decides it, and it stays when data are added or the budget changes.

What follows the cut is audited with the share as its probability, although the cut itself depends on how much the
audit costs: read from the low end of the ranking, the cut is a stopping time of the draws, because the budget
above it depends on the draws below it alone. So the Horvitz-Thompson sum over what lies below is unbiased
(optional stopping of a martingale); docs/decisions/0015 has the argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError

__all__ = ["Selection", "chances", "ranked", "select"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Selection(NamedTuple):
    """What becomes of each sample, in the order that they came in."""

    is_audit: Bools
    """Whether chance chose it."""
    is_routed: Bools
    """Whether people are asked."""
    inclusion: Floats
    """How likely that was: 1 above the cut, the audit's share below it."""


def chances(sample_ids: Iterable[str], purpose: str) -> Floats:
    """A number in [0, 1) for each id, the same on every machine and for ever; purposes are independent."""
    digests = (hashlib.sha256(f"witnessmark.{purpose}:{sample_id}".encode()).digest() for sample_id in sample_ids)
    return np.array([int.from_bytes(digest[:8]) / 2**64 for digest in digests], dtype=np.float64)


def ranked(priority: Floats, ties: Floats) -> NDArray[np.int64]:
    """Positions by descending priority; ``ties`` decide among equals and must not be the audit's draws."""
    return np.lexsort((ties, -priority))


def select(
    order: NDArray[np.int64],
    effort: Floats,
    draws: Floats,
    share: Floats,
    certain: Bools,
    budget: float = np.inf,
    unit: str = "tasks",
) -> Selection:
    """Choose within a budget, in the unit of ``effort``.

    ``order`` are the positions that may be asked for their rank, best first; ``share`` is the audit's probability of
    each sample; ``certain`` are asked whatever their rank. The ranking is cut where the first sample no longer fits.
    Raises ConfigError where the audit alone exceeds the budget: an audit that is cut short is not random.
    """
    is_audit = draws < share
    spent = float(effort[is_audit].sum())
    if spent > budget:
        fitting = float(share.max()) * budget / spent * 0.95
        raise ConfigError(
            f"the random audit alone takes {spent:,.4g} {unit}, the budget is {budget:,.4g}",
            remedy=f"lower routing.audit to {fitting:.2g}, or raise routing.budget",
        )
    spent += float(effort[certain & ~is_audit].sum())
    is_sure = certain | _head(order, np.where(is_audit | certain, 0.0, effort), budget - spent)
    return Selection(is_audit, is_audit | is_sure, np.where(is_sure, 1.0, share))


def _head(order: NDArray[np.int64], costs: Floats, left: float) -> Bools:
    """The longest head of the ranking that fits; what is paid for already costs nothing."""
    fitting = int(np.searchsorted(np.cumsum(costs[order]), max(left, 0.0) * (1 + 1e-9), side="right"))
    is_head = np.zeros(len(costs), np.bool_)
    is_head[order[:fitting]] = True
    return is_head
