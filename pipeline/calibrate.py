"""``witnessmark calibrate``: what the numbers of a model's boxes mean, measured on pictures with known boxes.

Each picture holds one rectangle of a plain color on a plain background, at many sizes and shapes, some larger than
what a model is shown, a good part of the rectangles at the right or lower edge. The model is asked through the same
client, views and store of answers as in a run; nothing is paid twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from annotators.answers import AnswerStore
from annotators.base import Workbench
from annotators.machines.vlm import Config
from annotators.models.conventions import CONVENTIONS
from annotators.models.conventions.fit import Fit, Shot, farthest_apart, fit_conventions, is_ambiguous
from annotators.models.conventions.found import numbers_in
from annotators.models.conversation import Conversations
from annotators.models.endpoints import asks_of
from annotators.models.inquiry import Inquiry, Terms
from annotators.models.reading import read_answer
from annotators.models.retries import Backoff
from annotators.models.views import plan_views
from annotators.sandbox import Sandbox
from schemas.base import canonical_json, content_id
from schemas.errors import MediaError, ServiceError
from schemas.media.limits import DEFAULT_LIMITS
from schemas.sample import Sample
from schemas.task import BoxConvention, Task
from schemas.taxonomy import Category, Level, Taxonomy

from .filesystems import open_uri
from .planting.rectangles import SIZES, Target, sample_of, targets

__all__ = ["TAXONOMY", "Calibration", "calibrate", "lines"]

MIN_USABLE = 8
"""Fewer answers with four numbers say nothing."""
MIN_HIT_RATE = 0.5
"""A convention under which fewer boxes are hit does not explain the answers."""
WHERE = (
    "The picture shows one {color} rectangle on a plain background. Where is it? "
    'Answer with its bounding box as one JSON object, {{"box": [...]}}, and nothing else. '
)
OWN = "Use the coordinates that you were trained to give boxes in: the same for every picture."
STATED = "The box is {words}."
TAXONOMY = Taxonomy(
    name="calibration",
    version="1",
    levels=(Level(name="shape"),),
    categories=(Category(name="rectangle", level="shape", definition="A rectangle of one color."),),
)


class Calibration(NamedTuple):
    """What was found."""

    model: str
    fits: tuple[Fit, ...]
    """All conventions, the best first; none where too few answers could be used."""
    asked: int
    usable: int
    """Answers that hold four numbers."""
    stated: BoxConvention | None
    """What the prompt demanded."""
    declared: BoxConvention | None
    apart: float
    """How far the best two place a box apart at most, as a share of the picture's side."""

    @property
    def equals(self) -> tuple[BoxConvention, ...]:
        """The best, and the next where these answers cannot tell it from the best; none where none explains them."""
        if not self.fits or self.fits[0].hit_rate < MIN_HIT_RATE:
            return ()
        return tuple(fit.convention for fit in self.fits[: 2 if is_ambiguous(self.fits) else 1])

    @property
    def winner(self) -> BoxConvention | None:
        """The convention that explains the answers, of equals the one that was demanded; None where none does."""
        return self.stated if self.stated in self.equals else next(iter(self.equals), None)

    @property
    def is_confirmed(self) -> bool:
        """Whether something explains the answers, and nothing explains them better than what is declared."""
        return bool(self.equals) and (self.declared is None or self.declared in self.equals)


def calibrate(
    config: Config,
    *,
    images: int,
    answers: str | None,
    stated: BoxConvention | None = None,
    declared: BoxConvention | None = None,
    seed: int = 0,
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> Calibration:
    """Asks and fits. Raises ServiceError where the server does not work.

    ``stated`` is the convention that the prompt demands, as a run's would; None leaves it to the model. ``answers`` is
    a folder that answers are kept in and reused from; None asks anew, since a server may have changed under its name.
    """
    with tempfile.TemporaryDirectory() as folder, Sandbox(workers=1, timeout_s=60, memory_bytes=2**31) as sandbox:
        bench = _bench(answers or f"{folder}/answers", sandbox)
        chosen = enumerate(targets(images, seed, sizes))
        samples = [(target, sample_of(target, Path(folder) / f"{number:04}.png")) for number, target in chosen]
        shots = asyncio.run(_ask_all(config, bench, samples, stated))
    fits = fit_conventions(shots) if len(shots) >= min(MIN_USABLE, images) else ()
    apart = farthest_apart(fits[0].convention, fits[1].convention, shots) if fits else 0.0
    return Calibration(config.model, fits, images, len(shots), stated, declared, apart)


def lines(calibration: Calibration) -> Iterator[str]:
    """The table and the verdict, for people."""
    fits, usable = calibration.fits, calibration.usable
    yield f"{calibration.model}: {usable} of {calibration.asked} answers hold a box"
    if not fits:
        yield "too few to tell: see the answers, or try another model"
        return
    yield f"{'convention':<22}{'median error':>14}{'hit rate':>10}{'median IoU':>12}"
    for fit in fits:
        yield f"{fit.convention:<22}{fit.median_error:>13.1%}{fit.hit_rate:>10.0%}{fit.median_iou:>12.2f}"
    yield from _verdict(calibration)


def _verdict(calibration: Calibration) -> Iterator[str]:
    best, winner, declared = calibration.fits[0], calibration.winner, calibration.declared
    if winner is None:
        yield f"no convention explains these answers: the best one, {best.convention}, hits {best.hit_rate:.0%}"
        return
    if len(calibration.equals) > 1:
        yield (
            f"these answers cannot tell {' and '.join(calibration.equals)} apart, under which boxes lie at most "
            f"{calibration.apart:.1%} of the picture's side from each other: more --images might"
        )
    if declared is None:
        yield f"boxes of {calibration.model} are {'taken as ' * (len(calibration.equals) > 1)}{winner}"
    elif calibration.is_confirmed:
        yield f"boxes of {calibration.model} are {declared}, as declared"
    else:
        loser = next(fit for fit in calibration.fits if fit.convention == declared)
        yield (
            f"boxes of {calibration.model} are declared as {declared}, which hits {loser.hit_rate:.0%}; "
            f"they are {winner}, which hits {best.hit_rate:.0%}"
        )


def _bench(answers: str, sandbox: Sandbox) -> Workbench:
    return Workbench(
        taxonomy=TAXONOMY,
        limits=DEFAULT_LIMITS,
        task=Task(),
        open_uri=open_uri,
        answers=AnswerStore(answers, payer="calibrate"),
        sandbox=sandbox,
    )


async def _ask_all(
    config: Config, bench: Workbench, samples: list[tuple[Target, Sample]], stated: BoxConvention | None
) -> list[Shot]:
    # Without a schema: it would demand whole numbers, or an order, of a model that we want to hear from.
    config = config.evolve(structured="none", mode="online")
    convention = CONVENTIONS[stated or "original_pixels_xyxy"]
    terms = Terms(
        model=config.model,
        parameters=canonical_json(
            config.model_dump(include={"temperature", "seed", "max_tokens", "extra_body", "api"})
        ),
        prompt="",
        taxonomy=TAXONOMY,
        task=bench.task,
        convention=convention,
        seeing=config.seeing,
        max_text_chars=0,
        max_regions=1,
        prefix="",
    )
    asker = asks_of(config, bench, Backoff())
    conversations = Conversations(config, terms, bench, asker)
    try:
        found = await asyncio.gather(
            *(_shot(conversations, terms, target, sample, stated) for target, sample in samples), return_exceptions=True
        )
    finally:
        await asker.close()
    return _kept(found)


def _kept(found: list[Shot | BaseException | None]) -> list[Shot]:
    """One picture that the server fails on is one answer less; where it fails on all, that is the error."""
    shots = [shot for shot in found if isinstance(shot, Shot)]
    errors = [error for error in found if isinstance(error, BaseException)]
    for error in errors:
        if not isinstance(error, ServiceError | MediaError) or len(errors) == len(found):
            raise error
    return shots


async def _shot(
    conversations: Conversations, terms: Terms, target: Target, sample: Sample, stated: BoxConvention | None
) -> Shot | None:
    inquiry = _inquiry(terms, target, sample, stated)
    stored = await conversations.answer(inquiry)
    numbers = numbers_in(read_answer(stored.status, stored.body).words)
    return Shot(target.box, inquiry.views[0], target.size, numbers) if numbers else None


def _inquiry(terms: Terms, target: Target, sample: Sample, stated: BoxConvention | None) -> Inquiry:
    views = plan_views(sample, terms.seeing)
    words = WHERE.format(color=target.color) + (STATED.format(words=CONVENTIONS[stated].words) if stated else OWN)
    system = "You are shown a picture and answer in JSON."
    key = content_id(
        "calibrate", 1, terms.model, terms.parameters, system, words, [view.model_dump() for view in views]
    )
    return Inquiry(
        sample=sample,
        question="artifacts",
        views=views,
        schema={},
        system=system,
        system_with_schema=system,
        words=words,
        prompt_sha256=hashlib.sha256(f"{system}\n{words}".encode()).hexdigest(),
        key=key,
    )
