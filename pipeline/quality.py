"""What people's work says about the dataset: error rates, overrides, agreement, gold. The figures of card and report.

``quality.json`` in the run folder holds them; nothing of it stands in a Record, so that a row changes only when it
is reviewed itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.base import Frozen
from schemas.route import Route
from schemas.sample import Sample
from schemas.verification import Verification

from .agreement.adjudication import Dispute, disputes
from .agreement.figures import AgreementFigures, agreement_figures
from .agreement.gold import GoldScore, gold_scores
from .error_rate import ErrorEstimate, Judged, estimate_errors
from .filesystems import exists, open_uri, remove, write_atomically
from .recipe import Recipe, Routing
from .review import Decision, finding_of
from .routing.facts import RunFacts, read_facts, shown_to_people
from .routing.opinions import Opinion
from .routing.overrides import OVERRIDDEN, OverrideRate, override_rates, region_outcomes
from .routing.target import CUTS, Standing, Target, aim
from .storage import FileFact, RunFolder, sha256_of
from .tables import part_uris, read_rows

__all__ = ["Quality", "quality_of", "read_quality", "write_quality"]

NAME = "quality.json"


class Quality(Frozen):
    """Everything that people's answers tell; empty parts where nobody was asked."""

    errors: tuple[ErrorEstimate, ...] = ()
    """Error rates: unreviewed, published, machines, then by category those that the audit says anything about."""
    target: Target | None = None
    """What the audit says about ``routing.max_error``."""
    overrides: tuple[OverrideRate, ...] = ()
    """What people did to the machines' regions, by machine, model and category, over everything they looked at: the
    ranking sends them the doubtful ones, so these are no estimates for the whole."""
    agreement: AgreementFigures = AgreementFigures()
    """How far people agree."""
    gold: tuple[GoldScore, ...] = ()
    """How right people are where the truth is known."""
    disputes: tuple[Dispute, ...] = ()
    """Samples that wait for a judge."""

    def error(self, scope: str) -> ErrorEstimate | None:
        """The estimate of a scope that has no category."""
        return next((estimate for estimate in self.errors if estimate.scope == scope), None)


def quality_of(run: RunFolder, recipe: Recipe) -> Quality | None:
    """All figures from the run's tables; None where nobody was asked and nobody answered."""
    if not part_uris(run, "verifications") and not part_uris(run, "routes"):
        return None
    facts = read_facts(run, recipe)
    if not facts.earlier and not facts.verifications:
        return None
    routing = recipe.routing
    judged = tuple(_judged(facts))
    looks = CUTS if routing.max_error is not None else 1
    names = recipe.taxonomy.names()
    errors = estimate_errors(judged, confidence=routing.confidence, categories=names, looks=looks)
    return Quality(
        errors=tuple(_worth_saying(errors)) if judged else (),
        target=_target(facts, routing),
        overrides=override_rates(shown_to_people(facts, facts.decisions)),
        agreement=agreement_figures(facts.verifications, confidence=routing.confidence),
        gold=gold_scores(facts.verifications, _known(run, facts)),
        disputes=disputes(facts.verifications),
    )


def write_quality(run: RunFolder, recipe: Recipe) -> dict[str, FileFact]:
    """Write ``quality.json``, or remove an earlier one where nobody is asked; the file by its path in the run."""
    uri, quality = run.path(NAME), quality_of(run, recipe)
    if quality is None:
        if exists(uri):
            remove(uri)
        return {}
    write_atomically(uri, (quality.model_dump_json(indent=1) + "\n").encode())
    return {NAME: sha256_of(uri)}


def read_quality(run: RunFolder) -> Quality | None:
    """What ``quality.json`` says; None where there is none."""
    if not exists(run.path(NAME)):
        return None
    with open_uri(run.path(NAME)) as file:
        return Quality.model_validate_json(file.read())


def _target(facts: RunFacts, routing: Routing) -> Target | None:
    if routing.max_error is None:
        return None
    standings = [
        Standing(route.priority, route.is_audit, finding_of(facts.decisions.get(i)), route.inclusion_probability == 1)
        for i, route in facts.earlier.items()
        if i in facts.places
    ]
    return aim(standings, max_error=routing.max_error, confidence=routing.confidence)


def _judged(facts: RunFacts) -> Iterator[Judged]:
    """Every sample with a route and what became of it."""
    for sample_id, route in facts.earlier.items():
        if sample_id in facts.places:
            yield _one(facts, route, facts.decisions.get(sample_id))


def _one(facts: RunFacts, route: Route, decision: Decision | None) -> Judged:
    row = Judged(route.inclusion_probability, route.is_audit, False, categories=route.categories)
    shown, person = facts.shown(route.sample_id), decision.chosen if decision else None
    if decision is None or person is None or _is_about_another(person, shown):
        return row
    if decision.is_rejected:
        return row._replace(is_answered=True, is_error=True, is_left_out=True, wrong_categories=route.categories)
    outcomes = tuple(region_outcomes(shown.regions if shown else (), person))
    added = {category for category, change in outcomes if change == "added"}
    return row._replace(
        is_answered=True,
        is_error=decision.is_error,
        wrong_categories=tuple(sorted({category for category, change in outcomes if change in OVERRIDDEN})),
        added_categories=tuple(sorted(added - {*route.categories})),
    )


def _is_about_another(person: Verification, shown: Opinion | None) -> bool:
    """Whether the person judged a proposal that is no longer the machines': it measures nothing of this one."""
    return person.candidate_id is not None and (shown is None or person.candidate_id != shown.candidate_id)


def _worth_saying(estimates: tuple[ErrorEstimate, ...]) -> Iterator[ErrorEstimate]:
    """All rates of the whole; of a category only what somebody has looked at."""
    for estimate in estimates:
        if estimate.scope in ("category", "missed") and not (estimate.audited and estimate.population):
            continue
        if estimate.scope == "missed" and not estimate.errors:
            continue
        yield estimate


def _known(run: RunFolder, facts: RunFacts) -> dict[str, Sample]:
    """The answered samples whose truth is known."""
    wanted = facts.decisions.keys()
    rows = read_rows(run, "samples", Sample) if wanted else iter(())
    return {s.sample_id: s for s in rows if s.sample_id in wanted and (s.has_ground_truth or s.origin != "unknown")}
