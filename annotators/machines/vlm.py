"""A vision-language model behind any OpenAI-compatible server.

One sample, one question: the pictures of ``models.views``, the words of ``models.prompt``, an answer in the form of
``models.forms``. The answer is on disk before it is parsed; one that breaks the contract is asked for again with
what is wrong with it (``models.conversation``). The API key comes from the environment and goes nowhere else.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal, NoReturn, get_args

from schemas.base import canonical_json, content_id
from schemas.candidate import Candidate
from schemas.errors import ConfigError
from schemas.media.types import Modality
from schemas.sample import Sample
from schemas.task import Task
from schemas.taxonomy import Taxonomy

from ..base import Annotator, Reads, Workbench
from ..models.client import is_local
from ..models.conventions import CONVENTIONS
from ..models.conversation import Conversations
from ..models.endpoints import asks_of
from ..models.inquiry import Inquirer, Terms
from ..models.options import ADDRESS, ModelOptions
from ..models.prices import usd
from ..models.retries import Backoff
from ..models.till import expected_tokens
from ..questioned import questioned

__all__ = ["Config", "VisionModel"]

REASON_TOKENS = 50
"""Tokens of one grade, criterion or option with its reason, in a sentence, and the JSON around it."""


class Config(ModelOptions):
    """Options of a vision-language model."""

    kind: Literal["vlm"] = "vlm"
    """This machine."""


class VisionModel(Annotator):
    """Proposes what a model answers about a sample's pictures."""

    config: ModelOptions
    needs_model = True
    reads_earlier: ClassVar[Reads] = "if_given"

    def __init__(self, config: ModelOptions, *, backoff: Backoff | None = None) -> None:
        super().__init__(config)
        self._backoff = backoff or Backoff()

    def check(self, taxonomy: Taxonomy) -> None:
        """Raises ConfigError where there is no API key and the server is not of this machine."""
        url = self.config.addresses[0]
        if not re.fullmatch(ADDRESS, url):
            raise ConfigError(
                "OPENAI_BASE_URL in the environment is no address, or holds credentials or a query",
                remedy="it starts with http:// or https://, without @, ? and #; the key belongs into OPENAI_API_KEY",
            )
        variable = self.config.api_key_env
        if not self.config.api_key and not all(is_local(address) for address in self.config.addresses):
            raise ConfigError(
                f"machine {self.config.title!r} has no API key: the environment variable {variable} is empty",
                remedy=f"export {variable}=..., or set base_url to a server of this machine",
            )

    def prepare(self, task: Task) -> tuple[str, ...]:
        """Raises ConfigError where nothing says what the model's boxes mean; tells where nothing was measured, and
        where an answer has no room.
        """
        config = self.config
        if config.known_convention is None and task.boxes is None:
            _undeclared(config)
        return (*self._unmeasured(task), *self._cramped(task))

    def answer_tokens(self, task: Task) -> int:
        """About how many tokens an answer takes where the task asks for a list of things, each with its reason."""
        most_graded = max(len(task.graded(modality)) for modality in get_args(Modality))
        return REASON_TOKENS * max(len(task.options), len(task.criteria), most_graded)

    def _unmeasured(self, task: Task) -> tuple[str, ...]:
        config = self.config
        if config.convention is not None:
            return ()
        meaning = config.known_convention or task.boxes
        source = "its family is known for" if config.known_convention else "the task's prompt demands"
        return (
            f"{config.title}: model {config.model!r} is not calibrated: its boxes are read as {meaning}, as {source}; "
            f"`witnessmark calibrate --model {config.model}` measures what they mean",
        )

    def _cramped(self, task: Task) -> tuple[str, ...]:
        title, needed, most = self.config.title, self.answer_tokens(task), self.config.max_tokens
        if needed <= most:
            return ()
        return (f"{title}: an answer takes about {needed} tokens and is cut off at {most}: raise its max_tokens",)

    def check_price(self) -> None:
        """Raises ConfigError where the model has no price."""
        config = self.config
        if usd(config.model, 0, 0, config.price_per_million) is None:
            raise ConfigError(
                f"machine {config.title!r}: nobody knows what model {config.model!r} costs, so no budget can be kept",
                remedy="set its price_per_million, e.g. {input: 0.15, output: 0.6}, or {input: 0, output: 0}",
            )

    async def connect(self, bench: Workbench) -> None:
        await super().connect(bench)
        config = self.config
        usd(config.model, 0, 0, config.price_per_million)  # loads the price list before the first answer waits for it
        self._asks = asks_of(config, bench, self._backoff)
        terms = _terms(config, bench)
        self._inquirer = Inquirer(terms)
        self._conversations = Conversations(config, terms, bench, self._asks)

    def expected_tokens(self, sample: Sample) -> tuple[int, ...]:
        return (expected_tokens(self._inquirer.inquire(sample), self.config.model),)

    async def close(self) -> None:
        await self._asks.close()

    @property
    def throttled_s(self) -> float:
        return self._asks.throttled_s

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """One candidate. Raises AnswerError or ServiceError with ``attempts``, ``history`` and ``answer_key``."""
        return await self.propose_after(sample, ())

    async def propose_after(self, sample: Sample, earlier: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The same, with earlier candidates told to the model as data."""
        inquiry = self._inquirer.inquire(sample, earlier)
        outcome = await self._conversations.hold(inquiry)
        candidate = Candidate(
            candidate_id=content_id(sample.sample_id, self.config.title, inquiry.key),
            **questioned(self.config, inquiry, (outcome,), earlier, prompt_sha256=inquiry.prompt_sha256),
            **outcome.proposal._asdict(),
        )
        return (candidate,)


def _undeclared(config: ModelOptions) -> NoReturn:
    raise ConfigError(
        f"nothing says what the boxes of model {config.model!r} mean: it is neither calibrated nor declared",
        remedy=f"run `witnessmark calibrate --model {config.model}`, or set the machine's 'convention' or the task's "
        "'boxes'",
    )


def _terms(config: ModelOptions, bench: Workbench) -> Terms:
    """Whatever may change an answer goes into the key; how fast and how often it is asked does not."""
    asked = config.model_dump(include={"temperature", "seed", "max_tokens", "extra_body", "structured", "api"})
    return Terms(
        model=config.model,
        parameters=canonical_json(asked),
        prompt=config.prompt,
        taxonomy=bench.taxonomy,
        task=bench.task,
        convention=CONVENTIONS[config.known_convention or bench.task.boxes or _undeclared(config)],
        is_native=config.is_native,
        seeing=config.seeing,
        max_text_chars=config.max_text_chars,
        max_regions=config.max_regions,
        prefix=config.title,
    )
