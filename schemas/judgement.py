"""What is said about candidates: by a judge or a measure about one of them, and how far several agree."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from .base import Confidence, Frozen

__all__ = ["Agreement", "Judgement", "RegionAgreement"]


class Judgement(Frozen):
    """What a judge or a measure says about an earlier candidate, or about one region of it."""

    candidate_id: str
    """The candidate that is judged."""
    region_id: str | None = None
    """The region of it that is judged, where it is not the whole."""
    name: str
    """Factor or measure, e.g. ``grounding``, ``agreement``."""
    score: float | None = None
    """Score on the stated scale."""
    scale_min: float | None = None
    """Lower end of the scale."""
    scale_max: float | None = None
    """Upper end of the scale."""
    reason: str = ""
    """Why, in the judge's words."""
    position: PositiveInt | None = None
    """Place at which the candidate was shown, from 1; judges favor places."""
    factor_position: PositiveInt | None = None
    """Place at which the factor stood in the question, from 1."""


class RegionAgreement(Frozen):
    """How far machines agree on one region of a consensus."""

    region_id: str
    """The region."""
    machines: tuple[str, ...] = ()
    """Machines that found it, by name."""
    candidate_ids: tuple[str, ...] = ()
    """Candidates that it was found in."""
    share: Confidence
    """Share of the machines that found it; one that answered several times counts with its share of finds."""
    category_entropy: NonNegativeFloat = 0.0
    """Entropy in bits of the categories that its finders give it; 0 where all say the same."""
    score_spread: NonNegativeFloat | None = None
    """Standard deviation of the finders' scores; None where fewer than two give one."""
    mean_iou: Confidence | None = None
    """Mean IoU between the places of each two finders; None where one machine alone found it."""


class Agreement(Frozen):
    """How far several candidates for one sample agree: figures to route by and to publish."""

    machines: tuple[str, ...] = ()
    """Machines that took part, by name."""
    num_candidates: NonNegativeInt = 0
    """Candidates that took part."""
    verdict_share: Confidence | None = None
    """Share of the machines with a verdict that give the one chosen; None where none has a verdict."""
    verdict_entropy: NonNegativeFloat | None = None
    """Entropy in bits of the verdicts."""
    basis: Literal["origin", "verdict", "regions"] | None = None
    """What confidence and variability are taken against: the known origin, the chosen verdict, or the fused regions."""
    confidence: Confidence | None = None
    """Mean probability that the candidates give it (dataset cartography: Swayamdipta et al. 2020)."""
    variability: NonNegativeFloat | None = None
    """Standard deviation of that probability over the candidates."""
    regions: tuple[RegionAgreement, ...] = ()
    """Region by region."""
