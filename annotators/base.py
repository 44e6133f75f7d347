"""Those who judge a sample: machines that propose, people that verify."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Literal, NamedTuple

from pydantic import Field

from schemas.candidate import Candidate
from schemas.ledger import Purpose, SubmittedTask, task_key
from schemas.media.limits import Limits
from schemas.media.types import Modality
from schemas.plugins import PluginConfig
from schemas.record import Rejection
from schemas.sample import Sample
from schemas.task import Task
from schemas.taxonomy import Taxonomy
from schemas.verification import Verification

if TYPE_CHECKING:
    from pathlib import Path

    from .answers import AnswerStore
    from .models.purse import Purse
    from .sandbox import Sandbox

__all__ = [
    "RELAY",
    "Annotator",
    "Assignment",
    "Case",
    "Collected",
    "Desk",
    "MachineConfig",
    "OpenUri",
    "PeopleConfig",
    "Reads",
    "Verifier",
    "Workbench",
]

Reads = Literal["never", "if_given", "always"]
"""Whether a machine makes something of other machines' candidates."""
RELAY = "relay"
"""Kind and machine of a candidate that says what a round of people left for the next one."""
OpenUri = Callable[[str], BinaryIO]
"""Opens a URI for reading: a seekable binary file. Picklable, importable on any worker."""


class MachineConfig(PluginConfig):
    """Options that every machine has."""

    name: str | None = None
    """Name in lineage and tables; the kind where none is given. Two machines of one kind need names."""
    modalities: tuple[Modality, ...] = ("image", "video", "document")
    """Which samples this machine looks at."""
    concurrency: int = Field(64, ge=1, le=4096)
    """Samples of this machine in flight at once, per worker process."""

    after: tuple[str, ...] = ()
    """Machines of the recipe, by name, whose candidates this one is given: it starts when they are done with a sample.
    Where some of them fail it goes on with the others; where all do, it is rejected too."""
    conditioning: Literal["blind", "label_given", "origin_given"] = "label_given"
    """label_given: the label that a sample came with is shown to this machine; origin_given: where it came with none,
    its known origin is; blind: both are kept from it. Passes with and without, side by side under two names, tell what
    is found from what is only argued for."""
    repeats: int = Field(1, ge=1, le=16)
    """How often each sample is asked, each time with the next seed: stands for as many machines, NAME-1, NAME-2, ..."""

    @property
    def title(self) -> str:
        """Name of the machine in lineage and tables."""
        return self.name or self.kind

    @property
    def model_asked(self) -> str:
        """The model that it asks, as candidates name it; empty for a machine without one."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """What lies ready for a machine in a worker process; made anew in each process, never pickled."""

    taxonomy: Taxonomy
    """The recipe's categories."""
    limits: Limits
    """The recipe's bounds on hostile files: every decoder is called with them."""
    task: Task
    """What the recipe asks of every sample."""
    open_uri: OpenUri
    """How original bytes are opened."""
    answers: AnswerStore
    """Paid answers, by key."""
    sandbox: Sandbox
    """Where untrusted media are decoded: a crash or a hang costs a child process only."""
    purse: Purse | None = None
    """Who pays and keeps the books; None where nobody wants to know."""
    shared: Path | None = None
    """Folder where the worker processes of a run share quotas; None for each process by itself."""
    spool: Path | None = None
    """Folder where requests for a Batch API are collected; None where none can be."""


class Annotator(ABC):
    """A machine: options in, candidates out. Connections open in ``connect``, in the worker."""

    needs_model: ClassVar[bool] = False
    """Whether it calls a model server."""

    reads_earlier: ClassVar[Reads] = "never"
    """Whether it makes something of other machines' candidates; such a machine overrides ``propose_after``."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def accepts(self, sample: Sample) -> bool:
        """Whether this machine looks at such samples."""
        return sample.modality in self.config.modalities

    def check(self, taxonomy: Taxonomy) -> None:  # noqa: B027 - most machines have nothing to check
        """On the launcher, before any work. Raises ConfigError (a missing key, a category the taxonomy has not)."""

    def prepare(self, task: Task) -> tuple[str, ...]:
        """On the launcher, after ``check``: what a person should know. Raises ConfigError for a task it cannot do."""
        return ()

    def check_price(self) -> None:  # noqa: B027 - most machines cost nothing
        """On the launcher, where there is a budget. Raises ConfigError where nobody knows what an answer costs."""

    def expected_tokens(self, sample: Sample) -> tuple[int, ...]:
        """Once connected: input tokens of each request that it will make about a sample, about; none without a model.

        Raises SampleError where it cannot be asked.
        """
        return ()

    @property
    def rounds(self) -> tuple[int, int, int]:
        """How often the requests of ``expected_tokens`` are made about a sample: at least, as a rule, at most."""
        return (1, 1, 1)

    @property
    def throttled_s(self) -> float:
        """Seconds in which its requests waited for a service that takes less than configured, since the start."""
        return 0.0

    async def connect(self, bench: Workbench) -> None:
        """In the worker's event loop, once per process, before the first sample."""
        self.bench = bench

    @abstractmethod
    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Candidates for one sample. Raises AnswerError, MediaError or, after its retries, ServiceError."""

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The same with what the machines named in ``after`` proposed, in the order they are named; never empty there.

        Raises as ``propose`` does.
        """
        return await self.propose(sample)

    async def close(self) -> None:  # noqa: B027
        """When the worker ends."""


class PeopleConfig(PluginConfig):
    """Options that every people tool has."""

    name: str | None = None
    """Name in the ledger; the kind where none is given. Two tools of one kind need names."""
    modalities: tuple[Modality, ...] = ("image", "video", "document")
    """Which samples go to these people; each sample goes to the first tool of the recipe that takes it."""
    passes: int = Field(1, ge=1, le=9)
    """Rounds of review: every routed sample lies once in the projects of each round."""
    relay: bool = False
    """Whether each round goes on from what the round before left, so that it can only begin when that is answered;
    otherwise all rounds start from the machines' proposal and are independent of each other."""
    votes: bool = False
    """Whether people also say of every region whether it is what it claims to be: yes (1), perhaps (0.5), no (0)."""

    @property
    def title(self) -> str:
        """Name of the tool in the ledger."""
        return self.name or self.kind


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One sample for people: what they are shown, and why."""

    sample: Sample
    """The sample."""
    candidate: Candidate | None = None
    """What they start from; None: from nothing."""
    purpose: Purpose = "review"
    """Why it is handed out."""
    pass_number: int = 1
    """Which round of review, 1 for the first."""

    def task_key(self, tool: str) -> str:
        """The key of its task with the people tool of that name."""
        return task_key(self.sample.sample_id, tool=tool, purpose=self.purpose, pass_number=self.pass_number)


class Case(NamedTuple):
    """What the run knows of a sample that comes back from people."""

    sample: Sample
    """The sample."""
    candidates: Mapping[str, Candidate]
    """Its candidates by id."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What lies ready for a people tool, in the launching process; never pickled."""

    dataset: str
    """Name of the recipe: begins the titles of projects."""
    run_id: str
    """Identifies the run: two runs of one recipe never share a project."""
    taxonomy: Taxonomy
    """The recipe's categories."""
    limits: Limits
    """The recipe's bounds on hostile files."""
    task: Task
    """What the recipe asks of every sample."""
    open_uri: OpenUri
    """How original bytes are opened."""
    folder_uri: str
    """Folder of the tool in the run, ``RUN/people/TOOL``, made when something is written."""
    cases: Callable[[Collection[str]], Mapping[str, Case]]
    """Samples by id, with their candidates; those that the run does not know are left out."""
    reviewers: int = 1
    """How many people look at each task of a round."""
    answered: frozenset[str] = frozenset()
    """Keys of tasks that results were collected for."""
    put: Callable[[str, bytes], str]
    """Keeps bytes under a name below ``folder_uri``, whole or not at all, and returns their URI."""
    pseudonym: Callable[[str], str]
    """The published name of a person, from what the tool calls that person: a keyed hash."""
    say: Callable[[str], None]
    """One line of progress or a note for the person at the terminal."""


class Collected(NamedTuple):
    """What came back for some tasks; it replaces everything that came back for the same tasks before."""

    task_keys: frozenset[str]
    """Tasks that were looked at, those without a result too: what people deleted is simply not there any more."""
    verifications: tuple[Verification, ...] = ()
    """People's decisions, each with its ``task_key``."""
    rejections: tuple[Rejection, ...] = ()
    """Results that cannot be used: stage ``collect``, ``is_final`` false, since the sample itself goes on."""
    gone: frozenset[str] = frozenset()
    """Tasks that no longer exist, with whatever had come back for them."""
    memory: str = ""
    """What the tool wants to be told at the next collection, e.g. how far it has read; kept with the results."""


class Verifier(ABC):
    """A people tool: assignments out, decisions back. Both ways may be interrupted and repeated at any time."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def accepts(self, sample: Sample) -> bool:
        """Whether these people look at such samples."""
        return sample.modality in self.config.modalities

    @property
    def is_reachable(self) -> bool:
        """Whether the environment says where the tool is: ``witnessmark run`` leaves it alone where it does not."""
        return True

    def check(self, desk: Desk) -> None:  # noqa: B027 - most tools have nothing to check
        """Before any work. Raises ConfigError (a missing address or key, a taxonomy that cannot be shown)."""

    @abstractmethod
    def submit(
        self, assignments: Iterable[Assignment], ledger: Collection[SubmittedTask], desk: Desk
    ) -> Iterator[SubmittedTask | Rejection]:
        """Hand out; yields what lies there for certain, each assignment once. What lies there already is not repeated.

        ``ledger`` is what earlier calls yielded. A sample whose medium cannot be shown becomes a Rejection of stage
        ``submit``. Raises ServiceError, ConfigError.
        """

    @abstractmethod
    def collect(self, ledger: Collection[SubmittedTask], desk: Desk, *, memory: str) -> Collected:
        """What changed since the collection that returned ``memory``; empty: all there is.

        Raises ServiceError, ConfigError.
        """
