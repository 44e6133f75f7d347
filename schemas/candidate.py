"""What a machine proposes: regions, explanations made of claims, and how they came about."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from .base import Confidence, Frozen, Int64
from .geometry import Box, Keyframe, Mask, Polygon, TimeSpan
from .judgement import Agreement, Judgement

__all__ = [
    "Answer",
    "Attempt",
    "Attribute",
    "Candidate",
    "Claim",
    "Measurement",
    "ParseStatus",
    "Quote",
    "Region",
    "Usage",
    "Verdict",
    "View",
]

Verdict = Literal["real", "generated", "edited", "unclear"]
ParseStatus = Literal["ok", "repaired", "parse_error", "refusal", "truncated", "empty", "api_error"]


class Region(Frozen):
    """A place in a medium, its category, and why it matters."""

    region_id: str
    """Unique within its sample."""
    asset_id: str = ""
    """The asset it lies in."""
    page_index: NonNegativeInt | None = None
    """0-based page, for documents."""
    frame_index: NonNegativeInt | None = None
    """0-based frame in presentation order, for videos and animated stills."""
    pts_s: NonNegativeFloat | None = None
    """Exact presentation time of that frame in seconds."""
    span: TimeSpan | None = None
    """When it lasts, for temporal findings."""
    track: tuple[Keyframe, ...] = ()
    """Where a moving object is over time, by ascending frame."""
    box: Box | None = None
    """Bounding box in absolute pixels of the upright medium (page pixels for documents)."""
    polygons: tuple[Polygon, ...] = ()
    """Outlines: the source of truth where they exist."""
    mask: Mask | None = None
    """The pixels, as COCO RLE."""
    category: str
    """Leaf name in the taxonomy."""
    phrase: str = ""
    """Words that point to it, e.g. ``the left hand``; empty where nobody gave any."""
    explanation: str = ""
    """Why this region is what the category says."""
    score: Confidence | None = None
    """Confidence of whoever proposed it, 0 to 1; where people voted on it, the mean of their votes."""
    source: Literal["machine", "human", "derived", "ground_truth"]
    """Who drew it."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if not (self.box or self.polygons or self.mask or self.span or self.track or self.page_index is not None):
            raise ValueError(
                f"region {self.region_id}: no box, polygon, mask, track, time span or page says where it is"
            )
        return self


class Quote(Frozen):
    """Words of a page, cited."""

    text: str
    """The words as cited."""
    page_index: NonNegativeInt
    """0-based page that they stand on."""
    start: NonNegativeInt | None = None
    """First character in the page's text layer, 0-based (Unicode code points); None where the page has none."""
    end: NonNegativeInt | None = None
    """Character after the last one."""


class Claim(Frozen):
    """A stretch of the explanation and the evidence it rests on."""

    start: NonNegativeInt
    """First character of the claim in the explanation, 0-based (Unicode code points)."""
    end: NonNegativeInt
    """Character after the last one."""
    region_ids: tuple[str, ...] = ()
    """Regions that support the claim."""
    page_indices: tuple[NonNegativeInt, ...] = ()
    """0-based pages that support it as wholes."""
    spans: tuple[TimeSpan, ...] = ()
    """Stretches of the clip that support it."""
    quotes: tuple[Quote, ...] = ()
    """Words of the document that support it."""
    is_global: bool = False
    """Whether the claim is about the whole medium and needs no region."""

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if not self.end > self.start:
            raise ValueError(f"claim {self.start}..{self.end} holds no character: end <= start")
        return self

    @property
    def stands_alone(self) -> bool:
        """Whether it is grounded without any region: about the whole, or on pages, times or quotes."""
        return bool(self.is_global or self.page_indices or self.spans or self.quotes)


class Attribute(Frozen):
    """One graded property, e.g. a rubric line."""

    name: str
    """Attribute or rubric identifier."""
    value: str | None = None
    """Value from the attribute's vocabulary."""
    reason: str = ""
    """Why."""
    score: float | None = None
    """Score on the stated scale."""
    scale_min: float | None = None
    """Lower end of the scale."""
    scale_max: float | None = None
    """Upper end of the scale."""


class Answer(Frozen):
    """An answer to a question, and where it stands."""

    question: str
    """The question."""
    answer: str
    """The answer."""
    region_ids: tuple[str, ...] = ()
    """Evidence regions."""


class Measurement(Frozen):
    """A number that was measured; evidence even where no category of the taxonomy fits."""

    finding: str
    """What was looked for, e.g. ``blur``, ``copy_move``, ``frozen_frames``, ``text_block``."""
    name: str
    """Which quantity."""
    value: float
    """The measured value."""
    unit: str = ""
    """Its unit; empty for a pure number."""
    threshold: float | None = None
    """The value it was compared with."""
    region_id: str | None = None
    """Region that it was measured in."""
    box: Box | None = None
    """Where it was measured, when that is not a region of the candidate."""
    page_index: NonNegativeInt | None = None
    """Page, for documents."""
    text: str = ""
    """Text that belongs to it (the words of a text block)."""


class View(Frozen):
    """One picture that the model saw, and the way back to the original's pixels.

    ``x_original = crop_x + x_view * scale_x`` and likewise for y.
    """

    asset_id: str
    """The asset that was shown."""
    page_index: NonNegativeInt | None = None
    """Page shown, for documents."""
    frame_index: NonNegativeInt | None = None
    """Frame shown, for videos."""
    pts_s: NonNegativeFloat | None = None
    """Presentation time of that frame in seconds."""
    width: PositiveInt
    """Width of the view in pixels."""
    height: PositiveInt
    """Height of the view in pixels."""
    crop_x: float = 0.0
    """Left edge of the shown part in original pixels."""
    crop_y: float = 0.0
    """Top edge of the shown part in original pixels."""
    scale_x: float = 1.0
    """Original pixels per view pixel, horizontally."""
    scale_y: float = 1.0
    """Original pixels per view pixel, vertically."""
    is_original_bytes: bool = False
    """Whether the model was sent the file's own bytes."""


class Usage(Frozen):
    """What an answer cost."""

    input_tokens: NonNegativeInt = 0
    """Tokens in, as the server counted them."""
    output_tokens: NonNegativeInt = 0
    """Tokens out, as the server counted them."""
    usd: NonNegativeFloat | None = None
    """Price in US dollars; None where the model has no known price."""


class Attempt(Frozen):
    """One call on the way to the answer."""

    number: PositiveInt
    """1 for the first."""
    status: str
    """``ok``, a parse status, or the service's error, e.g. ``429``, ``timeout``, ``connection_reset``."""
    message: str = ""
    """What was wrong."""
    defects: tuple[str, ...] = ()
    """Names of what was wrong with the answer, or was mended in it (annotators.models.defects)."""
    latency_s: NonNegativeFloat = 0.0
    """Seconds from request to outcome."""
    answer_key: str | None = None
    """Key of the stored answer of this attempt, where one came."""
    usage: Usage = Usage()
    """What this attempt cost."""
    is_paid_elsewhere: bool = False
    """Whether another run paid for it, where answers are shared."""


class Candidate(Frozen):
    """All that one machine proposed for one sample."""

    candidate_id: str
    """Hash of sample, machine and what was asked; equal answers to equal questions have one id."""
    sample_id: str
    """The sample."""
    machine: str
    """Name of the machine in the recipe (its ``name``, else its kind, numbered when repeated)."""
    kind: str
    """Plug-in that made it, e.g. ``vlm``, ``forensic``, ``replay``."""
    model: str = ""
    """Model as asked for, or the method's name and version."""
    model_snapshot: str = ""
    """Model as the server named it."""
    prompt_sha256: str = ""
    """Hash of the rendered prompt without the media."""
    parameters: str = "{}"
    """Parameters as canonical JSON."""
    seed: Int64 | None = None
    """Seed, where one was set."""
    conditioning: Literal["blind", "label_given"] = "blind"
    """Whether the machine was shown the label."""
    views: tuple[View, ...] = ()
    """What it saw."""
    verdict: Verdict | None = None
    """What it thinks the medium is."""
    verdict_score: Confidence | None = None
    """Its confidence in the verdict, 0 to 1."""
    explanation: str = ""
    """Why, over all."""
    claims: tuple[Claim, ...] = ()
    """The explanation's claims and their evidence."""
    regions: tuple[Region, ...] = ()
    """Where."""
    attributes: tuple[Attribute, ...] = ()
    """Graded properties."""
    answers: tuple[Answer, ...] = ()
    """Answers with evidence."""
    measurements: tuple[Measurement, ...] = ()
    """Measured numbers."""
    answer_key: str = ""
    """Key of the stored raw answer; empty for machines that compute."""
    parse_status: ParseStatus = "ok"
    """How the answer was read."""
    finish_reason: str = ""
    """Why the model stopped."""
    usage: Usage = Usage()
    """What all attempts cost together."""
    attempts: tuple[Attempt, ...] = ()
    """The way to the answer."""
    is_cached: bool = False
    """Whether the answer was already on disk: nothing was paid now."""
    latency_s: NonNegativeFloat = 0.0
    """Seconds it took."""
    parent_ids: tuple[str, ...] = ()
    """Earlier candidates of the sample that the machine was given, in the order it was given them."""
    chosen_id: str | None = None
    """Of these, the one whose annotation it took over; the others stay as they are."""
    judgements: tuple[Judgement, ...] = ()
    """What it says about them, in every order in which it was asked."""
    is_consistent: bool | None = None
    """Whether every order in which it was asked led to the same choice; None where only one was."""
    agreement: Agreement | None = None
    """How far they agree, where it is their consensus."""
