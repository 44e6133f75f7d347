"""What leaves: the published row, and the row of what could not be published."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from .base import Frozen, Int64
from .candidate import Answer, Attempt, Attribute, Claim, ParseStatus, Region, Verdict
from .judgement import Agreement
from .media.types import Image, Media
from .sample import Finding, Generator, Origin, OriginStatement, Role, Source, TaskInput

__all__ = [
    "AnnotationField",
    "AnnotationStatus",
    "Assignment",
    "Duplicate",
    "FieldOrigin",
    "FieldSource",
    "Forgotten",
    "Lineage",
    "Record",
    "Reference",
    "Rejection",
    "Review",
    "ReviewAgreement",
    "Storage",
]

Review = Literal["not_routed", "pending", "reviewed", "skipped", "adjudicated"]
AnnotationStatus = Literal["not_annotated", "annotated_clean", "annotated"]
AnnotationField = Literal["verdict", "explanation", "regions", "attributes", "answers"]
FieldOrigin = Literal["machine", "confirmed", "human", "earlier"]
Storage = Literal["embedded", "beside", "link_only"]


class Lineage(Frozen):
    """One candidate behind the row."""

    candidate_id: str
    """The candidate in ``candidates/``."""
    machine: str
    """The machine's name in the recipe."""
    kind: str
    """Plug-in."""
    model: str = ""
    """Model as asked for, or method and version."""
    prompt_sha256: str = ""
    """Hash of the rendered prompt."""
    conditioning: Literal["blind", "label_given"] = "blind"
    """Whether the machine was shown the label."""
    parse_status: ParseStatus = "ok"
    """How its answer was read."""
    verdict: Verdict | None = None
    """What it thought the medium is."""
    parent_ids: tuple[str, ...] = ()
    """Earlier candidates that it was given."""
    is_published: bool = False
    """Whether the row's annotation is this candidate's."""


class FieldSource(Frozen):
    """Whose word one field of the annotation is, in a row that a person decided."""

    field: AnnotationField
    """The field."""
    source: FieldOrigin
    """human: a person changed it; confirmed: a person let stand what the machines say; earlier: a person let stand
    what an earlier version said, and the machines say otherwise now; machine: no person was asked about it."""


class ReviewAgreement(Frozen):
    """How far the people who looked at the row independently agree: the mean over all pairs of them."""

    measure: Literal["decision", "verdict", "categories", "regions", "boundaries", "explanation"]
    """decision: the same decision on the proposal; verdict: the same word for the medium; categories: Jaccard index of
    the sets of categories; regions: soft F1, each matched pair of one category counting its IoU; boundaries: F1 of
    the outlines' pixels within 0.8 % of the diagonal; explanation: ROUGE-L F1 of the words."""
    value: Annotated[float, Field(ge=0, le=1)]
    """0 (none) to 1 (the same)."""
    reviewers: PositiveInt
    """People who are compared."""


class Reference(Frozen):
    """The second image of a row: what the first one, which is judged, is compared with."""

    asset_id: str
    """sha256 of its original bytes, which are never changed; regions that lie in it name it."""
    role: Role = "reference"
    """What it is to the first image."""
    file_name: str
    """Original file name."""
    byte_size: NonNegativeInt
    """Size of the original bytes."""
    media: Image
    """What was measured of it."""
    perceptual_hashes: tuple[str, ...] = ()
    """PDQ hash of it; none of quality below 50."""


class Record(Frozen):
    """One published row: the sample and its final annotation.

    It holds nothing that differs between two runs with equal answers: no clock, no path of the
    run, no attempts, latency or cost; those live in ``candidates/``. The medium's bytes are written
    beside these fields under ``image``, ``video`` or ``document``.
    """

    sample_id: str
    """Hash of the media and of what is asked of them."""
    asset_id: str
    """sha256 of the medium's original bytes, which are never changed."""
    storage: Storage = "embedded"
    """Where these bytes are: embedded in the row; in a file beside the shards (``video_file``); link_only: not
    published, ``source.url`` says where they were found."""
    file_name: str
    """Original file name."""
    byte_size: NonNegativeInt
    """Size of the original bytes."""
    media: Media
    """What was measured of the medium."""
    role: Role = "primary"
    """What the medium is to the sample."""
    perceptual_hashes: tuple[str, ...] = ()
    """PDQ hashes (image, sampled frames or pages); of a PDF also SHA-256 of the letters and digits of sampled pages."""
    reference: Reference | None = None
    """Second image that the first one is compared with; its bytes stand under ``reference_image``."""
    origin: Origin = "unknown"
    """Where the medium comes from: real, generated, edited or unknown."""
    origin_statements: tuple[OriginStatement, ...] = ()
    """Who says so: the manifest, or evidence in the file."""
    generator: Generator | None = None
    """What made it."""
    source: Source = Source()
    """Where it was found and under which licence."""
    findings: tuple[Finding, ...] = ()
    """What was noticed, disagreements among them."""
    task_input: TaskInput = TaskInput()
    """What was asked of this sample."""
    group_id: str
    """Samples of one group never straddle splits: duplicates, pairs and stated groups joined."""
    pair_id: str | None = None
    """Stated pair."""
    split: str
    """The split it is in."""
    taxonomy: str
    """Taxonomy and version of the categories, ``name@version``."""
    annotation_status: AnnotationStatus
    """not_annotated: nobody has judged; annotated_clean: a person or the ground truth says there is nothing;
    annotated: there are regions, a verdict, attributes or answers. A machine alone never makes it annotated_clean."""
    review: Review = "not_routed"
    """Whether a person looked at it."""
    verdict: Verdict | None = None
    """What the final annotation says the medium is."""
    explanation: str = ""
    """Why, over all."""
    claims: tuple[Claim, ...] = ()
    """Stretches of the explanation and the regions they rest on."""
    regions: tuple[Region, ...] = ()
    """The final regions."""
    attributes: tuple[Attribute, ...] = ()
    """Graded properties."""
    answers: tuple[Answer, ...] = ()
    """Answers with evidence."""
    ground_truth: tuple[Region, ...] = ()
    """Known regions that came with the source."""
    has_ground_truth: bool = False
    """Whether ground_truth is complete."""
    lineage: tuple[Lineage, ...] = ()
    """The candidates behind the row."""
    machine_agreement: Agreement | None = None
    """How far the machines agree, where the annotation is their consensus."""
    verification_ids: tuple[str, ...] = ()
    """The people's decisions behind the row, in ``verifications/``."""
    reviewers: tuple[str, ...] = ()
    """Pseudonyms of those who looked."""
    field_sources: tuple[FieldSource, ...] = ()
    """Whose word each field is; empty where no person decided: every field is the machines'."""
    agreement: tuple[ReviewAgreement, ...] = ()
    """How far those who looked agree; empty where fewer than two did independently."""

    def in_medium(self, regions: Iterable[Region]) -> tuple[Region, ...]:
        """Those of the regions that lie in the row's own medium, not in its second image."""
        return tuple(region for region in regions if region.asset_id in ("", self.asset_id))


class Rejection(Frozen):
    """Something that could not go on, and why: nothing vanishes."""

    item_id: str
    """The item: what a person would call it."""
    sample_id: str | None = None
    """The sample, once it had one."""
    uri: str = ""
    """Where its bytes are."""
    stage: Literal["ingest", "propose", "submit", "collect", "finalize"]
    """Where it stopped."""
    machine: str = ""
    """The machine that failed on it, in propose."""
    error: str
    """Error class, e.g. MediaError, AnswerError, ServiceError."""
    message: str
    """What happened."""
    remedy: str = ""
    """What to do about it."""
    attempts: PositiveInt = 1
    """How often it was tried."""
    answer_key: str = ""
    """The raw answer that could not be used, in ``answers/``."""
    history: tuple[Attempt, ...] = ()
    """The calls behind it, paid ones among them."""
    is_final: bool = True
    """False where other machines still answered, so that the sample itself goes on."""


class Duplicate(Frozen):
    """An item whose medium and task are already in the run."""

    item_id: str
    """The item that was found again."""
    sample_id: str
    """The sample that is kept."""
    kept_item_id: str
    """The item that the kept sample was read from."""
    kind: Literal["exact", "near"]
    """exact: the same bytes and task, counted as duplicate; near: a look-alike, kept, in the same group."""
    distance: NonNegativeInt = 0
    """Bits in which the perceptual hashes differ, of 256."""
    is_altered: bool = False
    """Whether it is near only to a mirrored or cropped copy of the other."""


class Assignment(Frozen):
    """The split that a sample has; the next version of the dataset keeps it."""

    sample_id: str
    """The sample."""
    group_id: str
    """Its group, in that version."""
    split: str
    """Its split."""
    seed: Int64
    """``dataset.seed`` by which it was assigned; another one assigns anew."""


class Forgotten(Frozen):
    """A sample whose removal was asked for: no more than it takes to know it again."""

    sample_id: str
    """The sample that was removed."""
    asset_ids: tuple[str, ...]
    """sha256 of its media that no other sample held then; no item with such bytes becomes a sample of the run again."""
