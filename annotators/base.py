"""Those who judge a sample: machines that propose, people that verify."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from pydantic import Field

from schemas.candidate import Candidate
from schemas.media.limits import Limits
from schemas.media.types import Modality
from schemas.plugins import PluginConfig
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

if TYPE_CHECKING:
    from .answers import AnswerStore
    from .sandbox import Sandbox

__all__ = ["Annotator", "MachineConfig", "OpenUri", "Workbench"]

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
    task: Any
    """The recipe's Task (pipeline.recipe.Task): ``kind``, ``instructions``, ``language``."""
    open_uri: OpenUri
    """How original bytes are opened."""
    answers: AnswerStore
    """Paid answers, by key."""
    sandbox: Sandbox
    """Where untrusted media are decoded: a crash or a hang costs a child process only."""


class Annotator(ABC):
    """A machine: options in, candidates out. Connections open in ``connect``, in the worker."""

    needs_model: ClassVar[bool] = False
    """Whether it calls a model server."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def accepts(self, sample: Sample) -> bool:
        """Whether this machine looks at such samples."""
        return sample.modality in self.config.modalities

    def check(self, taxonomy: Taxonomy) -> None:  # noqa: B027 - most machines have nothing to check
        """On the launcher, before any work. Raises ConfigError (a missing key, a category the taxonomy has not)."""

    async def connect(self, bench: Workbench) -> None:
        """In the worker's event loop, once per process, before the first sample."""
        self.bench = bench

    @abstractmethod
    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """Candidates for one sample. Raises AnswerError, MediaError or, after its retries, ServiceError."""

    async def close(self) -> None:  # noqa: B027
        """When the worker ends."""
