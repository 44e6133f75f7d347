"""Routes of a run: decided from its tables, stable over reruns, and never steered by what measures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.quality import quality_of
from pipeline.recipe import Recipe, recipe_from
from pipeline.routing import routed, update_routes
from pipeline.storage import RunFolder
from pipeline.tables import read_rows, write_table
from schemas.candidate import Candidate, Region
from schemas.errors import ConfigError
from schemas.ledger import SubmittedTask, task_key
from schemas.route import Route
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy
from schemas.verification import Verification

COUNT = 300


@pytest.fixture
def recipe(taxonomy: Taxonomy) -> Callable[..., Recipe]:
    def make(**routing: object) -> Recipe:
        machines = [{"kind": "forensic", "name": name} for name in ("vlm", "forensic")]
        sources = [{"kind": "folder"}]
        raw = {"name": "r", "taxonomy": taxonomy, "sources": sources, "machines": machines, "routing": routing}
        return recipe_from(raw, where="test")

    return make


@pytest.fixture
def run(
    tmp_path: Path,
    make_sample: Callable[..., Sample],
    make_candidate: Callable[..., Candidate],
    make_region: Callable[..., Region],
) -> RunFolder:
    """300 samples; two machines differ about every third."""
    folder = RunFolder(str(tmp_path))
    samples = [make_sample(f"{i:03}", has_ground_truth=i < 10) for i in range(COUNT)]
    candidates = [
        make_candidate(sample, name, verdict="real" if name == "vlm" and i % 3 == 0 else "generated",
                       regions=(make_region(),), candidate_id=f"{name}-{i}")
        for i, sample in enumerate(samples)
        for name in ("vlm", "forensic")
    ]  # fmt: skip
    write_table(folder, "samples", samples, Sample)
    write_table(folder, "candidates", candidates, Candidate)
    return folder


def routes_of(run: RunFolder) -> dict[str, Route]:
    return {route.sample_id: route for route in read_rows(run, "routes", Route)}


def is_doubted(route: Route) -> bool:
    return any(reason.signal == "disagreement" for reason in route.reasons)


def submit(run: RunFolder, routes: dict[str, Route]) -> None:
    def task(route: Route) -> SubmittedTask:
        key = task_key(route.sample_id, tool="t", purpose="review", pass_number=1)
        sizes = {"asset_id": "a", "byte_size": 1, "config_version": "1"}
        return SubmittedTask(task_key=key, sample_id=route.sample_id, tool="t", layout="image", **sizes)

    write_table(run, "tasks", [task(r) for r in routes.values() if r.is_routed], SubmittedTask)


def answer(run: RunFolder, routes: dict[str, Route], verdict_of: Callable[[Route], str | None]) -> None:
    shown = {c.sample_id: c for c in read_rows(run, "candidates", Candidate) if c.machine == "vlm"}
    answers = [
        Verification(
            verification_id=f"v-{i}", sample_id=i, candidate_id=shown[i].candidate_id, verdict=verdict, reviewer="ann"
        )
        for i, route in routes.items()
        if route.is_routed and (verdict := verdict_of(route))
    ]
    write_table(run, "verifications", answers, Verification)


def test_a_budget_of_tasks_goes_to_chance_and_to_the_doubtful(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    summary = update_routes(run, recipe(audit=0.1, budget={"tasks": 60}))
    routes = routes_of(run)
    assert (summary.samples, summary.routed) == (COUNT, 60)
    assert summary.audit == sum(route.is_audit for route in routes.values())
    assert 15 < summary.audit < 45
    chosen = [route for route in routes.values() if route.is_routed and not route.is_audit]
    assert {route.reasons[0].signal for route in chosen} == {"disagreement"}
    assert {route.inclusion_probability for route in chosen} == {1.0}
    assert {r.inclusion_probability for r in routes.values() if not r.is_routed} == {0.1}
    assert routes == routes_of(run)
    assert summary.lines()[0].startswith("routing: 60 of 300 samples go to people, about 1.2 hours; ")


def test_tasks_come_audit_first(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    update_routes(run, recipe(audit=0.1, budget={"tasks": 60}, gold=3))
    order = routed(run)
    audits = [route.is_audit for route in order]
    assert audits == sorted(audits, reverse=True)
    rest = [route.priority for route in order if not route.is_audit and not route.is_gold]
    assert rest == sorted(rest, reverse=True)
    assert sum(route.is_gold for route in order) == 3
    assert [route.sample_id for route in order] != sorted(route.sample_id for route in order)


def test_hours_are_met_and_reviewers_cost(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    alone = update_routes(run, recipe(audit=0.05, budget={"hours": 2}))
    assert 2 - 71 / 3600 < alone.hours <= 2
    double = update_routes(run, recipe(audit=0.05, budget={"hours": 2}, reviewers=2))
    assert double.routed == pytest.approx(alone.routed / 2, abs=1)


def test_an_audit_beyond_the_budget_is_refused(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(ConfigError, match="the random audit alone takes"):
        update_routes(run, recipe(audit=0.5, budget={"tasks": 10}))
    assert routes_of(run) == {}


def test_what_was_handed_out_is_never_taken_back(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    update_routes(run, recipe(audit=0.1, budget={"tasks": 60}))
    before = routes_of(run)
    submit(run, before)
    for budget, audit in ((45, 0.1), (60, 0.02), (120, 0.1)):
        update_routes(run, recipe(audit=audit, budget={"tasks": budget}))
        after = routes_of(run)
        assert all(after[i].is_routed for i, route in before.items() if route.is_routed)
        assert all(
            after[i].is_audit for i, route in before.items() if route.is_audit and route.inclusion_probability < 1
        )
    assert sum(route.is_routed for route in after.values()) == 120


def test_the_audit_s_answers_do_not_steer(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    asked = recipe(audit=0.2, budget={"tasks": 120})
    update_routes(run, asked)
    before = routes_of(run)
    answer(run, before, lambda route: "rejected" if route.is_audit else None)
    update_routes(run, asked)
    assert {i: r.priority for i, r in routes_of(run).items()} == {i: r.priority for i, r in before.items()}


def test_corrections_of_ranked_samples_steer(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    asked = recipe(audit=0.2, budget={"tasks": 120})
    update_routes(run, asked)
    before = routes_of(run)
    submit(run, before)
    answer(run, before, lambda route: None if route.is_audit else "fixed_and_accepted")
    update_routes(run, asked)
    after = routes_of(run)
    assert all(after[i].priority > before[i].priority for i in after)
    assert all(any(reason.signal == "overrides" for reason in route.reasons) for route in after.values())


def test_a_target_waits_for_the_audit_and_then_asks_only_what_is_needed(
    run: RunFolder, recipe: Callable[..., Recipe]
) -> None:
    asked = recipe(audit=0.6, max_error=0.25)
    first = update_routes(run, asked)
    assert first.target is not None
    assert (first.target.is_waiting, first.routed) == (True, first.audit)
    routes = routes_of(run)
    submit(run, routes)
    answer(run, routes, lambda r: "fixed_and_accepted" if is_doubted(r) else "accepted")
    second = update_routes(run, asked)
    assert second.target is not None
    assert second.target.is_supported, second.target.words
    after = routes_of(run)
    left = [route for route in after.values() if not route.is_routed]
    assert left
    assert not any(map(is_doubted, left))
    quality = quality_of(run, asked)
    assert quality is not None
    assert quality.target is not None
    assert quality.target.is_supported


def test_the_estimate_of_a_run_by_hand(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    asked = recipe(audit=0.2)
    update_routes(run, asked)
    routes = routes_of(run)
    audited = sorted(i for i, route in routes.items() if route.is_audit)
    answer(run, routes, lambda route: "fixed_and_accepted" if route.sample_id in audited[:6] else "accepted")
    quality = quality_of(run, asked)
    assert quality is not None
    unseen = quality.error("unreviewed")
    assert unseen is not None
    assert (unseen.population, unseen.audited, unseen.errors) == (COUNT - len(audited), len(audited), 6)
    assert unseen.rate == pytest.approx(6 / len(audited))
    assert unseen.wrong_rows == pytest.approx(6 / 0.2 - 6)
    blur = next(e for e in quality.errors if e.scope == "category")
    assert (blur.name, blur.errors) == ("blur", len(audited))  # every answer left no region
    assert [(rate.machine, rate.category, rate.removed) for rate in quality.overrides] == [
        ("vlm", "blur", len(audited))
    ]


def test_an_answer_about_an_older_proposal_measures_nothing(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    update_routes(run, recipe(audit=0.2))
    routes = routes_of(run)
    answer(run, routes, lambda _: "accepted")
    changed = [c.evolve(candidate_id=f"new-{c.candidate_id}") for c in read_rows(run, "candidates", Candidate)]
    write_table(run, "candidates", changed, Candidate)
    quality = quality_of(run, recipe(audit=0.2))
    assert quality is not None
    unseen = quality.error("unreviewed")
    assert unseen is not None
    assert (unseen.audited, unseen.open, unseen.rate) == (0, sum(r.is_audit for r in routes.values()), None)


def test_a_recipe_that_asks_nobody(run: RunFolder, recipe: Callable[..., Recipe]) -> None:
    assert update_routes(run, recipe()).routed == 0
    assert routed(run) == ()
    assert quality_of(run, recipe()) is None
