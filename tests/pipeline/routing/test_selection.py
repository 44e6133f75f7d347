"""Who is asked: chance stays, the budget holds, and the probabilities are those of the draw."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.routing.selection import Selection, chances, ranked, select
from schemas.errors import ConfigError

IDS = [f"s{i}" for i in range(2000)]
NOBODY = np.zeros(len(IDS), np.bool_)


def chosen(budget: float = np.inf, *, audit: float = 0.1, count: int | None = None) -> Selection:
    order = ranked(np.linspace(1, 0, len(IDS)), chances(IDS, "rank"))
    ones = np.ones(len(IDS))
    return select(order[:count], ones, chances(IDS, "audit"), ones * audit, NOBODY, budget)


def test_chances_are_even_independent_and_for_ever() -> None:
    audit = chances(IDS, "audit")
    assert chances(["s0"], "audit").tolist() == [0.5811557640361099]
    assert np.histogram(audit, 4, (0, 1))[0].min() > 440
    assert abs(np.corrcoef(audit, chances(IDS, "rank"))[0, 1]) < 0.06


def test_the_audit_does_not_move_with_the_budget_or_with_new_samples() -> None:
    assert (chosen(300).is_audit == chosen(900).is_audit).all()
    assert (chances(["new", *IDS], "audit")[1:] == chances(IDS, "audit")).all()
    more = chosen(audit=0.2, count=0)
    assert (more.is_audit >= chosen(count=0).is_audit).all()


def test_the_budget_is_filled_from_the_top_and_kept() -> None:
    found = chosen(500)
    assert found.is_routed.sum() == 500
    cut = int(np.argmin(found.inclusion == 1))
    assert found.is_routed[:cut].all()
    assert (found.inclusion[cut:] == 0.1).all()
    assert (found.is_routed[cut:] == found.is_audit[cut:]).all()
    assert chosen(count=0).is_routed.sum() == found.is_audit.sum()
    assert chosen().is_routed.all()


def test_an_audit_of_everything_asks_about_everything() -> None:
    found = chosen(audit=1.0, count=0)
    assert found.is_routed.all()
    assert (found.inclusion == 1).all()


def test_an_audit_that_exceeds_the_budget_is_refused_with_a_share_that_fits() -> None:
    with pytest.raises(ConfigError, match=r"the random audit alone takes \d+ tasks, the budget is 100") as refused:
        chosen(100)
    share = float(refused.value.remedy.split("lower routing.audit to ")[1].split(",")[0])
    assert chosen(100, audit=share).is_routed.sum() == 100


def test_what_is_certain_counts_against_the_budget() -> None:
    certain = NOBODY.copy()
    certain[-50:] = True
    ones = np.ones(len(IDS))
    order = ranked(np.linspace(1, 0, len(IDS)), chances(IDS, "rank"))
    found = select(order, ones, chances(IDS, "audit"), ones * 0.1, certain, 500)
    assert found.is_routed.sum() == 500
    assert (found.inclusion[-50:] == 1).all()


def test_unequal_efforts_leave_less_than_one_task_of_the_budget() -> None:
    effort = np.where(np.arange(len(IDS)) % 3, 1.0, 6.5)
    order = ranked(np.zeros(len(IDS)), chances(IDS, "rank"))
    found = select(order, effort, chances(IDS, "audit"), np.full(len(IDS), 0.05), NOBODY, 1500.0, "hours")
    assert 1500 - 6.5 < effort[found.is_routed].sum() <= 1500
