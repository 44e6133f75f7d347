"""A vision-language model behind any OpenAI-compatible server.

One sample, one question: the pictures of ``models.views``, the words of ``models.prompt``, an answer in the form of
``models.wanted``. The answer is on disk before it is parsed; one that breaks the contract is asked for again with
what is wrong with it. The API key comes from the environment and goes nowhere else.
"""

from __future__ import annotations

import copy
import json
import os
import re
from functools import partial
from typing import Literal, NamedTuple

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt, field_validator

from schemas.base import content_id
from schemas.candidate import Attempt, Candidate, ParseStatus, Usage
from schemas.errors import AnswerError, ConfigError, SampleError, ServiceError
from schemas.media.types import Modality
from schemas.sample import Sample
from schemas.taxonomy import Taxonomy

from ..answers import StoredAnswer
from ..base import Annotator, MachineConfig, Workbench
from ..models.client import Client, Reply, is_local
from ..models.history import numbered, total_latency_s, total_usage
from ..models.inquiry import Inquirer, Inquiry, Terms, reask_key
from ..models.parse import Proposal, Reading, parse
from ..models.pictures import pictures_of
from ..models.prices import TokenPrice, usd
from ..models.prompt import check_prompt
from ..models.reading import Completion, error_text, read_answer
from ..models.request import Dialect, Exchange, Structured, complaint_about, form, request_head, request_pieces, spoken
from ..models.retries import Asker, Backoff, refusal, refused
from ..models.views import Seeing, caption
from ..models.wanted import Question

__all__ = ["Config", "VisionModel"]

ADDRESS = r"^https?://[^\s@?#]+$"
"""No credentials and no query: recipes are published."""
OPENAI_URL = "https://api.openai.com/v1"
FILTERED = ("content_policy_violation", "content_filter", "moderation_blocked", "invalid_prompt")
"""Codes of a 400 that is the server's refusal to answer, not a mistake in the request."""


class Config(MachineConfig):
    """Options of a vision-language model."""

    kind: Literal["vlm"] = "vlm"
    """This machine."""
    model: str = Field("gpt-4o-mini", min_length=1)
    """Model, as the server names it."""
    base_url: str | None = Field(None, pattern=ADDRESS)
    """Address of the OpenAI-compatible API, up to and with ``/v1``; the environment's OPENAI_BASE_URL where none."""
    api_key_env: str = Field("OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the API key."""
    prompt: str = ""
    """Prompt: a file of configs/prompts, a path, or the text itself; empty for the built-in one of the task."""
    temperature: float | None = Field(0.0, ge=0, le=2)
    """Sampling temperature; null leaves it to the server."""
    seed: int | None = None
    """Seed, for servers that take one."""
    max_tokens: PositiveInt = 2048
    """Most tokens of an answer."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of the request, as the server names them, e.g. ``reasoning_effort``; never secrets."""
    structured: Structured = "json_schema"
    """How the answer's form is demanded; where a server refuses one, the next: json_schema, json_object, none."""
    max_regions: PositiveInt = 50
    """Most regions of an answer; one with more is asked for again."""
    max_view_side: PositiveInt = 1536
    """Longest side of a picture in pixels; larger images and frames are reduced to it."""
    max_own_bytes: PositiveInt = 8_000_000
    """Largest image file that is sent as it is, in bytes; larger ones are rendered anew."""
    max_frames: PositiveInt = 6
    """Most frames shown of a video."""
    frames_per_second: PositiveFloat = 1.0
    """Frames shown per second of video, up to max_frames."""
    max_pages: PositiveInt = 8
    """Most pages shown of a document, from the first."""
    page_view_side: PositiveInt = 1536
    """Longest side of a rendered page in pixels."""
    max_text_chars: int = Field(6000, ge=0)
    """Most characters of a page's text layer that are shown with it; 0 shows none."""
    timeout_s: PositiveFloat = 60.0
    """Seconds after which a request counts as failed."""
    max_tries: int = Field(6, ge=1, le=100)
    """Most tries per request when the service fails (rate limit, server error, timeout, reset)."""
    max_attempts: int = Field(3, ge=1, le=10)
    """Most answers asked for when one breaks the contract; each is paid for."""
    price_per_million: TokenPrice | None = None
    """US dollars per million tokens, where the list price does not hold, e.g. ``{input: 0, output: 0}``."""

    @field_validator("prompt")
    @classmethod
    def _can_be_filled(cls, value: str) -> str:
        if value:
            check_prompt(value)
        return value

    @property
    def model_asked(self) -> str:
        return self.model


class VisionModel(Annotator):
    """Proposes what a model answers about a sample's pictures."""

    config: Config
    needs_model = True

    def __init__(self, config: Config, *, backoff: Backoff | None = None) -> None:
        super().__init__(config)
        self._backoff = backoff or Backoff()
        self._dialect = Dialect(config.structured)
        self._heads: dict[tuple[Question, Modality, Dialect], bytes] = {}

    def accepts(self, sample: Sample) -> bool:
        """Samples of a modality that some category can occur in: without one, no region could be named."""
        return super().accepts(sample) and bool(self.bench.taxonomy.names(sample.modality))

    def check(self, taxonomy: Taxonomy) -> None:
        """Raises ConfigError where there is no API key and the server is not of this machine."""
        url = _base_url(self.config)
        if not re.fullmatch(ADDRESS, url):
            raise ConfigError(
                "OPENAI_BASE_URL in the environment is no address, or holds credentials or a query",
                remedy="it starts with http:// or https://, without @, ? and #; the key belongs into OPENAI_API_KEY",
            )
        variable = self.config.api_key_env
        if not _api_key(self.config) and not is_local(url):
            raise ConfigError(
                f"machine {self.config.title!r} has no API key: the environment variable {variable} is empty",
                remedy=f"export {variable}=..., or set base_url to a server of this machine",
            )

    async def connect(self, bench: Workbench) -> None:
        await super().connect(bench)
        config = self.config
        usd(config.model, 0, 0, config.price_per_million)  # loads the price list before the first answer waits for it
        self._inquirer = Inquirer(_terms(config, bench, self.config.title))
        self._client = Client(
            _base_url(config), api_key=_api_key(config), connections=config.concurrency, timeout_s=config.timeout_s
        )
        self._asker = Asker(
            self._client, concurrency=config.concurrency, max_tries=config.max_tries, backoff=self._backoff
        )

    async def close(self) -> None:
        await self._client.close()

    async def propose(self, sample: Sample) -> tuple[Candidate, ...]:
        """One candidate. Raises AnswerError or ServiceError with ``attempts``, ``history`` and ``answer_key``."""
        inquiry = self._inquirer.inquire(sample)
        return (self._candidate(inquiry, await self._converse(inquiry)),)

    async def _converse(self, inquiry: Inquiry) -> _Outcome:
        """Asks, reads, and asks again with what was wrong, until an answer can be used."""
        key, asked, is_cached = inquiry.key, inquiry.asked(self._inquirer.terms), True
        exchanges: tuple[Exchange, ...] = ()
        history: tuple[Attempt, ...] = ()
        while True:
            stored, was_there = await self._stored(key, inquiry, exchanges, history)
            completion = read_answer(stored.status, stored.body)
            reading = parse(completion, asked)
            history = numbered((*history, *stored.failed_tries, self._attempt(key, stored, completion, reading)))
            is_cached = is_cached and was_there
            if reading.proposal:
                return _Outcome(key, stored, completion, reading.status, reading.proposal, history, is_cached)
            exchanges = (*exchanges, complaint_about(completion.words, reading.defects))
            if len(exchanges) == self.config.max_attempts:
                raise _unusable(reading, key, history)
            key = reask_key(key, exchanges[-1])

    async def _stored(
        self, key: str, inquiry: Inquiry, exchanges: tuple[Exchange, ...], history: tuple[Attempt, ...]
    ) -> tuple[StoredAnswer, bool]:
        """The answer from disk or from the server; a failure also tells what was answered, and paid, before it."""
        try:
            return await self.bench.answers.once(key, partial(self._ask, inquiry, exchanges))
        except (ServiceError, SampleError) as error:
            ours = copy.copy(error)  # callers that share a call share its error
            whole = numbered((*history, *getattr(error, "history", ())))
            ours.__dict__.update(history=whole, attempts=len(whole) or 1)
            raise ours from error

    async def _ask(self, inquiry: Inquiry, exchanges: tuple[Exchange, ...]) -> StoredAnswer:
        """Asks until the server answers; a form that it refuses is left out, for good once that was accepted."""
        dialect, failed = self._dialect, tuple[Attempt, ...]()
        while True:
            reply, latency_s, tries = await self._asker.ask(partial(self._body, inquiry, exchanges, dialect))
            failed = (*failed, *tries)
            if reply.status == 200 or error_text(reply.text)[0] in FILTERED:
                self._dialect = dialect if reply.status == 200 else self._dialect
                return self._answer(reply, latency_s, failed, dialect)
            failed = (*failed, refused(reply, latency_s))
            reduced = dialect.after(reply.text)
            if reduced is None:
                raise refusal(failed)
            dialect = reduced

    def _answer(self, reply: Reply, latency_s: float, failed: tuple[Attempt, ...], dialect: Dialect) -> StoredAnswer:
        return StoredAnswer(
            model=self.config.model,
            parameters=_canonical({**self.config.extra_body, **self._parameters(dialect)}),
            status=reply.status,
            body=reply.text,
            latency_s=round(latency_s, 6),
            failed_tries=failed,
            paid_by=self.bench.answers.payer,
        )

    async def _body(self, inquiry: Inquiry, exchanges: tuple[Exchange, ...], dialect: Dialect) -> tuple[bytes, ...]:
        """The pieces of a request. Raises MediaError."""
        asset = inquiry.sample.primary
        pictures = await pictures_of(
            asset,
            inquiry.views,
            open_uri=self.bench.open_uri,
            sandbox=self.bench.sandbox,
            limits=self.bench.limits,
            max_text_chars=self.config.max_text_chars,
        )
        return request_pieces(
            self._head(inquiry, dialect),
            words=inquiry.words,
            captions=tuple(caption(number, view, asset) for number, view in enumerate(inquiry.views, 1)),
            pictures=pictures,
            exchanges=exchanges,
        )

    def _head(self, inquiry: Inquiry, dialect: Dialect) -> bytes:
        """Rendered once per question, modality and dialect."""
        kind = (inquiry.question, inquiry.sample.modality, dialect)
        if kind not in self._heads:
            own = {**self.config.extra_body, **self._parameters(dialect), **form(dialect, inquiry.schema)}
            is_told = dialect.structured == "json_schema"
            self._heads[kind] = request_head(own, inquiry.system if is_told else inquiry.system_with_schema)
        return self._heads[kind]

    def _parameters(self, dialect: Dialect) -> dict[str, JsonValue]:
        return spoken(dialect, self.config.model, self.config.temperature, self.config.max_tokens, self.config.seed)

    def _usage(self, completion: Completion) -> Usage:
        """Priced by the snapshot that the server names, or by the model asked for where no list knows that name."""
        tokens, own = (completion.input_tokens, completion.output_tokens), self.config.price_per_million
        price = usd(completion.model or self.config.model, *tokens, own)
        price = usd(self.config.model, *tokens, own) if price is None else price
        return Usage(input_tokens=tokens[0], output_tokens=tokens[1], usd=price)

    def _attempt(self, key: str, stored: StoredAnswer, completion: Completion, reading: Reading) -> Attempt:
        return Attempt(
            number=1,
            status=reading.status,
            message="; ".join(reading.defects),
            latency_s=stored.latency_s,
            answer_key=key,
            usage=self._usage(completion),
            is_paid_elsewhere=not self.bench.answers.is_paid_here(stored),
        )

    def _candidate(self, inquiry: Inquiry, outcome: _Outcome) -> Candidate:
        sample = inquiry.sample
        return Candidate(
            candidate_id=content_id(sample.sample_id, self.config.title, inquiry.key),
            sample_id=sample.sample_id,
            machine=self.config.title,
            kind=self.config.kind,
            model=self.config.model,
            model_snapshot=outcome.completion.model,
            prompt_sha256=inquiry.prompt_sha256,
            parameters=outcome.stored.parameters,
            seed=self.config.seed,
            conditioning="blind" if sample.task_input.label_given is None else "label_given",
            views=inquiry.views,
            answer_key=outcome.key,
            parse_status=outcome.status,
            finish_reason=outcome.completion.finish_reason,
            usage=total_usage(outcome.history),
            attempts=outcome.history,
            is_cached=outcome.is_cached,
            latency_s=total_latency_s(outcome.history),
            **outcome.proposal._asdict(),
        )


class _Outcome(NamedTuple):
    """An answer that can be used, and the way to it."""

    key: str
    stored: StoredAnswer
    completion: Completion
    status: ParseStatus
    proposal: Proposal
    history: tuple[Attempt, ...]
    is_cached: bool


def _terms(config: Config, bench: Workbench, name: str) -> Terms:
    """Whatever may change an answer goes into the key; how fast and how often it is asked does not."""
    asked = config.model_dump(include={"temperature", "seed", "max_tokens", "extra_body", "structured"})
    return Terms(
        model=config.model,
        parameters=_canonical(asked),
        prompt=config.prompt,
        taxonomy=bench.taxonomy,
        task_kind=bench.task.kind,
        instructions=bench.task.instructions,
        language=bench.task.language,
        seeing=Seeing(
            max_view_side=config.max_view_side,
            page_view_side=config.page_view_side,
            max_frames=config.max_frames,
            frames_per_second=config.frames_per_second,
            max_pages=config.max_pages,
            max_own_bytes=config.max_own_bytes,
        ),
        max_text_chars=config.max_text_chars,
        max_regions=config.max_regions,
        prefix=name,
    )


def _base_url(config: Config) -> str:
    return config.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


def _api_key(config: Config) -> str:
    return os.environ.get(config.api_key_env, "").strip()


def _canonical(value: dict[str, JsonValue]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _unusable(reading: Reading, key: str, history: tuple[Attempt, ...]) -> AnswerError:
    error = AnswerError(
        f"the model's answer cannot be used: {'; '.join(reading.defects)}",
        remedy=f"the raw answer is {key[:12]}... in answers/; try another model or prompt, or raise max_attempts",
    )
    error.__dict__.update(answer_key=key, attempts=len(history), history=history, parse_status=reading.status)
    return error
