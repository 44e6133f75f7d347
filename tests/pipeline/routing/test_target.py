"""The promised error rate: kept where the audit supports it, refused in words where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.routing.target import Standing, Target, aim


def standings(draws: np.random.Generator, count: int, audit: float, rate_at: float) -> list[tuple[Standing, bool]]:
    """A ranking in which the chance of an error grows with the square of the priority, and the truth of each."""
    priority = draws.random(count)
    wrong = draws.random(count) < rate_at * priority**2
    chosen = draws.random(count) < audit
    return [
        (Standing(float(p), bool(a), bool(w) if a else None), bool(w))
        for p, a, w in zip(priority, chosen, wrong, strict=True)
    ]


@pytest.mark.slow
def test_the_promise_is_kept() -> None:
    broken = supported = 0
    for run in range(40):
        ranking = standings(np.random.default_rng(run), 8000, 0.2, 0.15)
        target = aim([s for s, _ in ranking], max_error=0.02, confidence=0.9)
        if not target.is_supported:
            continue
        supported += 1
        left = [w for s, w in ranking if s.priority < (target.threshold or 0) and not s.is_audit]
        assert len(left) == target.unreviewed
        broken += np.mean(left) > 0.02
    assert supported > 25
    assert broken <= 4


def test_a_clean_audit_needs_nobody_else() -> None:
    ranking = [s for s, _ in standings(np.random.default_rng(0), 5000, 0.2, 0.0)]
    target = aim(ranking, max_error=0.02, confidence=0.95)
    assert target.threshold == pytest.approx(1.1)
    assert target.unreviewed == sum(not s.is_audit for s in ranking)


@pytest.mark.parametrize(
    ("audit", "rate_at", "words"),
    [(0.01, 0.0, "even without an error it takes about 263 audited samples"), (0.3, 3.0, "let people look at more")],
)
def test_what_the_data_do_not_support_is_said(audit: float, rate_at: float, words: str) -> None:
    ranking = [s for s, _ in standings(np.random.default_rng(1), 4000, audit, rate_at)]
    target = aim([s._replace(is_wrong=True) if rate_at > 1 and s.is_audit else s for s in ranking],
                 max_error=0.02, confidence=0.95)  # fmt: skip
    assert (target.is_supported, target.threshold) == (False, None)
    assert words in target.words
    assert "does not support 2.00%" in target.words


def test_nothing_is_decided_before_the_audit_is_answered() -> None:
    target = aim([Standing(0.5, True, None), Standing(0.4, True, False)], max_error=0.5, confidence=0.9)
    assert (target.is_waiting, target.is_supported) == (True, False)
    assert target.words == "1 of 2 audited samples are not answered yet"
    assert aim([], max_error=0.5, confidence=0.9).is_waiting


def test_who_is_asked_anyway_is_in_no_part_of_the_ranking() -> None:
    ranking = [s for s, _ in standings(np.random.default_rng(0), 5000, 0.2, 0.0)]
    wrong = [Standing(0.1, True, True, is_certain=True)] * 500
    assert aim(wrong + ranking, max_error=0.02, confidence=0.95) == aim(ranking, max_error=0.02, confidence=0.95)
    assert isinstance(aim(ranking, max_error=0.02, confidence=0.95), Target)
