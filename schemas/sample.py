"""What enters: an item of a source, the assets measured of it, and the sample to be annotated."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PrivateAttr

from .base import Frozen, Int64, content_id
from .candidate import Region
from .media.types import Image, Media, Modality

__all__ = [
    "Asset",
    "Finding",
    "Generator",
    "Item",
    "Origin",
    "OriginStatement",
    "Provenance",
    "Role",
    "Sample",
    "Source",
    "StatedReference",
    "TaskInput",
    "sample_id_of",
]

Origin = Literal["real", "generated", "edited", "unknown"]
Role = Literal["primary", "reference", "target", "context", "signal"]
StatedSide = Annotated[Int64, Field(gt=0)]
"""A width or height in pixels that somebody states."""


class Generator(Frozen):
    """What made a generated medium, as far as the file or the manifest says."""

    name: str | None = None
    """Model or program, e.g. ``Stable Diffusion``."""
    version: str | None = None
    """Version, checkpoint or model hash."""
    prompt: str | None = None
    """Positive prompt."""
    negative_prompt: str | None = None
    """Negative prompt."""
    seed: Int64 | None = None
    """Random seed (up to 64 bits unsigned are folded into signed 64)."""
    steps: Int64 | None = None
    """Number of inference steps."""
    guidance_scale: float | None = None
    """Classifier-free guidance scale."""
    scheduler: str | None = None
    """Sampler or noise scheduler."""


class Source(Frozen):
    """Where a medium comes from and under which terms."""

    name: str | None = None
    """Name of the collection or source dataset."""
    url: str | None = None
    """Where it was found."""
    licence: str | None = None
    """Licence as stated, preferably an SPDX identifier."""
    retrieved: str | None = None
    """Date of retrieval as stated by the manifest (ISO 8601); never a clock of this run."""


class OriginStatement(Frozen):
    """One voice that says where a medium comes from."""

    said_by: Literal["manifest", "c2pa", "xmp", "exif", "png_text", "comfyui", "source"]
    """Which evidence speaks."""
    origin: Origin
    """What it says."""
    detail: str = ""
    """The words it says it with, e.g. ``digitalSourceType=trainedAlgorithmicMedia``."""


class Provenance(Frozen):
    """What the file itself says about its making; nothing here is believed, only recorded."""

    software: str | None = None
    """EXIF Software, XMP CreatorTool or PNG Software."""
    digital_source_type: str | None = None
    """IPTC digitalSourceType found in XMP, its last path element, e.g. ``trainedAlgorithmicMedia``."""
    has_c2pa: bool = False
    """Whether a C2PA (Content Credentials) manifest store is present; its signature is not checked here."""
    statements: tuple[OriginStatement, ...] = ()
    """Every origin that the file states, in the order found."""
    generator: Generator | None = None
    """Generator metadata found in the file."""
    raw: str | None = None
    """The generation text as found (PNG ``parameters``, ComfyUI workflow), at most 64 KiB of it."""


class Finding(Frozen):
    """Something noticed about a sample that a reader should know; it stops nothing."""

    code: str
    """Short machine-readable name, e.g. ``origin_disagrees``, ``extension_disagrees``, ``trailing_bytes``."""
    message: str
    """What was noticed, in a sentence."""


class TaskInput(Frozen):
    """What is asked of this sample beyond the recipe's task."""

    question: str | None = None
    """A question about the medium (document question answering)."""
    prompt: str | None = None
    """An instruction that belongs to the sample (an edit instruction)."""
    label_given: str | None = None
    """A label that the annotator may see; its presence makes a pass label-given."""


class StatedReference(Frozen):
    """A second image that an item is shown beside, e.g. the original of an edited one."""

    uri: str
    """Where its original bytes are."""
    file_name: str
    """Its original file name."""
    role: Literal["reference", "target"] = "reference"
    """What it is to the first one, which is judged."""


class Item(Frozen):
    """One thing a source found: a file, a row or a member, with what the source says of it.

    Ingest counts items: ``found = kept + duplicate + rejected``.
    """

    item_id: str
    """What a person would call it, unique in the run: the path relative to the input, ``file.parquet#row=12``, ..."""
    uri: str
    """Where the original bytes are; anything that Beam's filesystems open."""
    file_name: str
    """The original file name, kept in the published media feature's ``path``."""
    origin: Origin | None = None
    """Origin that the source states; None where it states nothing."""
    generator: Generator | None = None
    """Generator that the source states."""
    source: Source = Source()
    """Where the source says the medium comes from."""
    task_input: TaskInput = TaskInput()
    """Question, prompt or label of this item."""
    group_id: str | None = None
    """Stated group that must not straddle splits."""
    pair_id: str | None = None
    """Stated pair (a real image and its generated counterpart): two samples that share a split."""
    reference: StatedReference | None = None
    """Second image of the same sample, to be seen beside the first one, which is judged."""
    password: str | None = Field(None, repr=False)
    """Password of an encrypted document; used for reading, never published."""
    ground_truth: tuple[Region, ...] = ()
    """Known regions (existing annotations, planted artifacts); an empty asset_id means the primary asset."""
    has_ground_truth: bool = False
    """Whether ground_truth is complete: True with no regions means known to be clean."""
    exported_result: str | None = Field(None, repr=False)
    """The ``result`` of a Label Studio annotation as JSON, its labels already mapped: it joins ground_truth when the
    medium is measured, since percentages and frame numbers mean nothing without."""
    stated_sha256: str | None = None
    """sha256 of the original bytes, as the source states it."""
    stated_width: StatedSide | None = None
    """Width in pixels of the space of ground_truth, as the source states it: of the stored or the upright medium."""
    stated_height: StatedSide | None = None
    """Height in pixels of that space."""
    findings: tuple[Finding, ...] = ()
    """What the source noticed that stops nothing (an annotation that could not be used); the Sample carries it on."""
    error: str | None = None
    """Why the source could not read this item (a torn row, a path outside the input): it becomes a Rejection."""
    remedy: str = ""
    """With ``error``: what to do about it."""


class Asset(Frozen):
    """One medium of a sample, measured from its content."""

    asset_id: str
    """sha256 of the original bytes, lower-case hex."""
    role: Role = "primary"
    """What the medium is to the sample."""
    uri: str
    """Where the original bytes are."""
    file_name: str
    """Original file name."""
    byte_size: NonNegativeInt
    """Size of the original bytes."""
    media: Media
    """What was measured of it."""
    perceptual_hashes: tuple[str, ...] = ()
    """PDQ hashes, 64 hex digits each: one of an image, one per sampled frame or page; none of quality below 50. Where
    no page reaches it, of what is printed on the pages. Of a PDF also SHA-256 of the letters and digits of each sampled
    page that has 200 of them."""
    altered_hashes: tuple[str, ...] = ()
    """PDQ hashes that copies would have: of an image, or the first frame, mirrored and cropped by up to 5 %; of sampled
    frames of a video, mirrored, and of two of them cropped. They find such copies when splits are made, and are not
    published. The first one is that of a mirrored copy."""
    provenance: Provenance = Provenance()
    """What the file itself says about its making."""
    _password: str | None = PrivateAttr(None)

    @property
    def password(self) -> str | None:
        """Password of an encrypted document: in memory only, for no table, record, message or JSON ever holds it."""
        return self._password

    def unlocked(self, password: str | None) -> Self:
        """The same asset with its password, for whoever decodes it."""
        copy = self.model_copy()
        copy._password = password
        return copy


class Sample(Frozen):
    """The unit that is annotated."""

    sample_id: str
    """Hash of the ordered assets with their roles and of the task input: see sample_id_of."""
    item_id: str
    """The item that this sample was read from."""
    assets: tuple[Asset, ...] = Field(min_length=1)
    """The media, the primary one first."""
    task_input: TaskInput = TaskInput()
    """What is asked of it."""
    group_id: str | None = None
    """Stated group that must not straddle splits; finalize joins it with duplicates and pairs."""
    pair_id: str | None = None
    """Stated pair."""
    origin: Origin = "unknown"
    """What the voices agree on: the manifest's word first, else what the file says, else unknown."""
    origin_statements: tuple[OriginStatement, ...] = ()
    """Who says so."""
    generator: Generator | None = None
    """The manifest's generator, completed by what the file says."""
    source: Source = Source()
    """Where it comes from and under which terms."""
    findings: tuple[Finding, ...] = ()
    """What was noticed, disagreements among them."""
    ground_truth: tuple[Region, ...] = ()
    """Known regions that came along."""
    has_ground_truth: bool = False
    """Whether ground_truth is complete."""

    @property
    def primary(self) -> Asset:
        """The medium that is judged."""
        return self.assets[0]

    @property
    def compared_with(self) -> Asset | None:
        """The second image of a pair, seen beside the primary one; None where the primary one stands alone."""
        images = (asset for asset in self.assets[1:] if isinstance(asset.media, Image))
        second = next((asset for asset in images if asset.role in ("reference", "target")), None)
        return second if isinstance(self.primary.media, Image) else None

    @property
    def modality(self) -> Modality:
        """``image``, ``video`` or ``document``."""
        return self.primary.media.kind


def sample_id_of(assets: tuple[Asset, ...], task_input: TaskInput) -> str:
    """One page with two questions is two samples; one image found twice is one."""
    return content_id([[asset.role, asset.asset_id] for asset in assets], task_input.model_dump())
