"""Everything the report shows. What is not in here is not on the page."""

from __future__ import annotations

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from schemas.base import Frozen
from schemas.record import Record
from schemas.taxonomy import Taxonomy

from ..evaluation.standings import Bench
from ..evaluation.words import Pareto
from ..quality import Quality
from ..shortcuts import Shortcut
from ..storage import Spend, StageCounts
from ..tally import RecordCounts, RejectionGroup
from ..thumbnails import Thumbnail
from ..unit_costs import UnitCost

__all__ = ["EvaluationRow", "GalleryEntry", "MachineSpend", "ReportFacts"]


class GalleryEntry(Frozen):
    """One published row with its pictures."""

    record: Record
    """The row."""
    thumbnails: tuple[Thumbnail, ...] = ()
    """One of an image, several frames of a video, pages of a document; none where it could not be drawn."""


class MachineSpend(Frozen):
    """One machine of the recipe and what it cost."""

    name: str
    """Name in the recipe."""
    kind: str
    """Plug-in."""
    model: str = ""
    """Model, or method and version."""
    candidates: NonNegativeInt = 0
    """Candidates it made."""
    failed: NonNegativeInt = 0
    """Samples it failed on."""
    calls: NonNegativeInt = 0
    """Answers paid for."""
    cached: NonNegativeInt = 0
    """Answers taken from disk."""
    input_tokens: NonNegativeInt = 0
    """Tokens in."""
    output_tokens: NonNegativeInt = 0
    """Tokens out."""
    usd: NonNegativeFloat | None = None
    """US dollars; None where nothing is priced."""


class EvaluationRow(Frozen):
    """How well one machine found what is known to be there, for one category."""

    machine: str
    """Name in the recipe."""
    category: str
    """Category, or a word such as ``all``."""
    known: NonNegativeInt
    """Known regions."""
    found: NonNegativeInt
    """Known regions that a proposed one overlaps enough."""
    proposed: NonNegativeInt | None = None
    """Regions that the machine proposed."""
    pixel_iou: float | None = Field(None, ge=0, le=1)
    """Intersection over union of all known and all proposed pixels."""

    time_iou: float | None = Field(None, ge=0, le=1)
    """The same for the seconds of clips."""

    @property
    def precision(self) -> float | None:
        """Share of the proposed regions that are known ones; None where nothing was proposed."""
        return self.found / self.proposed if self.proposed else None

    @property
    def recall(self) -> float | None:
        """Share of the known regions that were found; None where none is known."""
        return self.found / self.known if self.known else None


class ReportFacts(Frozen):
    """One run as the page shows it."""

    title: str
    """Name of the run or of its dataset."""
    recipe: str
    """Name of the recipe."""
    task: str = ""
    """Kind of the task."""
    made_at: str = ""
    """When the report was made, in words."""
    dataset: str = ""
    """Where the dataset is, for the line of code that loads it."""
    taxonomy: Taxonomy
    """The categories and their colors."""
    stages: dict[str, StageCounts] = Field(default_factory=dict)
    """Counts of ingest, propose and finalize, as far as they have run."""
    spend: Spend = Spend()
    """What was paid."""
    machines: tuple[MachineSpend, ...] = ()
    """Who proposed, and what each cost."""
    unit_costs: tuple[UnitCost, ...] = ()
    """What the money bought."""
    counts: RecordCounts = RecordCounts()
    """What the published rows are."""
    rejections: tuple[RejectionGroup, ...] = ()
    """What could not go on, by reason."""
    near_duplicates: NonNegativeInt = 0
    """Rows that look like another row."""
    near_duplicate_groups: NonNegativeInt = 0
    """Groups that those rows form."""
    evaluation: tuple[EvaluationRow, ...] = ()
    """Against known truth, where there is any."""
    evaluation_note: str = ""
    """What counts as found, in a sentence."""
    bench: Bench | None = None
    """Machines side by side, where there is known truth."""
    pareto: Pareto | None = None
    """Their costs and quality, where at least two have both."""
    quality: Quality | None = None
    """What people's answers tell; None where nobody was asked."""
    shortcuts: tuple[Shortcut, ...] = ()
    """What the files alone tell about real and generated."""
    gallery: tuple[GalleryEntry, ...] = ()
    """Rows to look at."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Versions of what made the run."""
