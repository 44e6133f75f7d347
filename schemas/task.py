"""What is asked of every sample, and how an answer to it must be grounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Self, get_args

from pydantic import Field, PositiveInt, model_validator

from .base import Frozen
from .media.types import Modality

__all__ = ["BOX_CONVENTIONS", "AskedAttribute", "BoxConvention", "Criterion", "DerivedLabel", "Task", "TaskKind"]

TaskKind = Literal["artifacts", "document_qa", "contrast", "attributes", "rubric"]

BoxConvention = Literal[
    "original_pixels_xyxy",
    "original_pixels_xywh",
    "original_pixels_yxyx",
    "view_pixels_xyxy",
    "view_pixels_xywh",
    "view_pixels_yxyx",
    "unit_xyxy",
    "unit_xywh",
    "unit_yxyx",
    "percent_xyxy",
    "percent_xywh",
    "percent_yxyx",
    "nines_xyxy",
    "nines_xywh",
    "nines_yxyx",
    "thousandths_xyxy",
    "thousandths_xywh",
    "thousandths_yxyx",
    "bins1024_xyxy",
    "bins1024_yxyx",
]
"""Unit, then order. ``original_pixels`` of the medium, ``view_pixels`` of the picture shown; ``unit`` 0 to 1,
``percent`` 0 to 100, ``nines`` 0 to 999, ``thousandths`` 0 to 1000, ``bins1024`` 0 to 1024 over the picture shown.
``xyxy`` two corners, ``xywh`` left, top, width, height, ``yxyx`` two corners with y first."""
BOX_CONVENTIONS: tuple[BoxConvention, ...] = get_args(BoxConvention)

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$"


class AskedAttribute(Frozen):
    """A property that is to be graded: by a word of its vocabulary, by a score on its scale, or both."""

    name: str = Field(pattern=NAME)
    """Identifier."""
    definition: str
    """What is graded; shown to models and people."""
    values: tuple[str, ...] = ()
    """The vocabulary; empty where only a score is asked for."""
    scale_min: float | None = None
    """Lower end of the scale; None where no score is asked for."""
    scale_max: float | None = None
    """Upper end of the scale."""
    modalities: tuple[Modality, ...] = Field(("image", "video", "document"), min_length=1)
    """Of what it is asked."""

    @model_validator(mode="after")
    def _can_be_graded(self) -> Self:
        has_scale = self.scale_min is not None or self.scale_max is not None
        if has_scale and not (self.scale_min or 0.0) < (self.scale_max if self.scale_max is not None else -1.0):
            raise ValueError(f"attribute {self.name}: scale_min must lie below scale_max, and both must be there")
        if not has_scale and not self.values:
            raise ValueError(f"attribute {self.name}: give it 'values', a scale, or both")
        return self


class Criterion(Frozen):
    """A statement that holds or does not."""

    name: str = Field(pattern=NAME)
    """Identifier."""
    definition: str
    """The statement; shown to models and people."""


class DerivedLabel(Frozen):
    """A label that follows from a rubric by rule, never from a model's taste."""

    label: str = Field(pattern=NAME)
    """The label."""
    holds: tuple[str, ...] = ()
    """Criteria that must all hold."""
    fails: tuple[str, ...] = ()
    """Criteria that must all not hold."""


class Task(Frozen):
    """What is asked of every sample."""

    kind: TaskKind = "artifacts"
    """artifacts: what looks wrong and where; document_qa: answer the sample's question and show where it stands;
    contrast: choose one of ``options``, with a reason for and against each; attributes: grade each of ``attributes``;
    rubric: tell of each of ``criteria`` whether it holds."""
    instructions: str = ""
    """Words added to the prompt and shown to people."""
    language: str = "English"
    """Language of the explanations."""
    boxes: BoxConvention | None = None
    """How the prompt demands boxes of a model that declares no ``convention`` of its own; such a model is not
    calibrated. Without it only models with a known or calibrated convention may be asked for boxes."""
    claims: Literal["by_region", "cited"] = "by_region"
    """by_region: each region's own words are the claim that it supports; cited: the model cites regions, pages, times
    and quotes for every stretch of its explanation."""
    ungrounded: Literal["refuse", "allow"] = "refuse"
    """With cited claims, what becomes of a region that no claim cites, of an explanation without claims, and of a claim
    that cites nothing and is not said to be about the whole; with questions, of an answer that no region shows: refuse
    asks again, allow keeps it."""
    quotes: Literal["exact", "any"] = "exact"
    """exact: quoted words must stand in the page's text layer, where it has one; any: they are not compared."""
    max_explanation_chars: PositiveInt = 4000
    """Most characters of an explanation; a longer one is asked for again."""
    max_box_share: float = Field(0.95, gt=0, le=1)
    """Largest share of its picture that a box may cover; a larger one points at nothing. 1 allows all."""
    options: tuple[str, ...] = ()
    """What a contrast chooses from."""
    attributes: tuple[AskedAttribute, ...] = ()
    """What is graded; with ``kind: artifacts`` it is asked for besides, and what an answer leaves out is not
    graded."""
    phrases: bool = False
    """With ``kind: artifacts``, whether each region is also given a short phrase that points to it, no two alike."""
    questions: Literal["given", "written"] = "given"
    """With ``kind: document_qa``, what becomes of a sample without a question. given: it is rejected; written: the
    model writes the question, too."""
    criteria: tuple[Criterion, ...] = ()
    """The statements of a rubric."""
    derived_labels: tuple[DerivedLabel, ...] = ()
    """Labels by rule from a rubric: the first whose rule is met."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {"contrast": "options", "attributes": "attributes", "rubric": "criteria"}.get(self.kind)
        if needed and not getattr(self, needed):
            raise ValueError(f"kind {self.kind} needs '{needed}'")
        names = [*self.options], [a.name for a in self.attributes], [c.name for c in self.criteria]
        for twice in (name for group in names for name in _twice(group)):
            raise ValueError(f"{twice!r} stands twice")
        known = {criterion.name for criterion in self.criteria}
        for rule in self.derived_labels:
            for name in sorted({*rule.holds, *rule.fails} - known):
                raise ValueError(f"derived label {rule.label!r} names the unknown criterion {name!r}")
        return self

    def graded(self, modality: Modality) -> tuple[AskedAttribute, ...]:
        """The attributes that are asked of such media, in order."""
        return tuple(attribute for attribute in self.attributes if modality in attribute.modalities)

    def derived_label(self, holding: frozenset[str]) -> DerivedLabel | None:
        """The first label whose rule is met by the criteria that hold; None where no rule is."""
        for rule in self.derived_labels:
            if holding.issuperset(rule.holds) and holding.isdisjoint(rule.fails):
                return rule
        return None


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
