"""Options of a machine that asks a vision-language model: which one, how, how much it is shown, what that may cost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt, field_validator

from schemas.base import Frozen, canonical_json
from schemas.task import BoxConvention

from ..base import MachineConfig
from .conventions import family_of
from .prices import TokenPrice
from .prompt import check_prompt
from .request import Api, Structured
from .views import Seeing

__all__ = ["ADDRESS", "ModelOptions", "with_shared_minutes"]

ADDRESS = r"^https?://[^\s@?#]+$"
"""No credentials and no query: recipes are published."""
OPENAI_URL = "https://api.openai.com/v1"


class BatchOptions(Frozen):
    """How requests become batches; the defaults are the bounds of OpenAI's Batch API."""

    max_requests: int = Field(50_000, ge=1, le=50_000)
    """Most requests of a batch."""
    max_bytes: int = Field(200_000_000, ge=1_000, le=200_000_000)
    """Most bytes of a batch's file."""
    max_enqueued_tokens: PositiveInt | None = None
    """Most input tokens in all unfinished batches of the model, as the account's limits page says; unbounded where
    none."""
    poll_s: float = Field(30.0, ge=0)
    """Seconds between two looks at the batches."""
    price_factor: float = Field(0.5, ge=0, le=1)
    """Share of the list price that a batch costs."""


class ModelOptions(MachineConfig):
    """Options of a machine that asks a model; what it is asked for is the recipe's task."""

    concurrency: int = Field(64, ge=1, le=4096)
    """Requests of this machine in flight at once, in all worker processes together."""
    model: str = Field("gpt-4o-mini", min_length=1)
    """Model, as the server names it."""
    base_url: str | None = Field(None, pattern=ADDRESS)
    """Address of the OpenAI-compatible API, up to and with ``/v1``; the environment's OPENAI_BASE_URL where none."""
    api_key_env: str = Field("OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the API key."""
    prompt: str = ""
    """Prompt: a file of configs/prompts, a path, or the text itself; empty for the built-in one of the task."""
    convention: BoxConvention | None = None
    """What the four numbers of a box mean to this model, e.g. as ``witnessmark calibrate`` found; where none is said,
    the one its family is known for, else the task's ``boxes``."""
    api: Api = "chat"
    """chat: POST /chat/completions; responses: POST /responses (OpenAI's newer API)."""
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
    page_dpi: int = Field(200, ge=36, le=1200)
    """Finest dots per inch at which a page of a PDF is rendered, within page_view_side."""
    max_text_chars: int = Field(6000, ge=0)
    """Most characters of a page's text layer that are shown with it; 0 shows none."""
    timeout_s: PositiveFloat = 60.0
    """Seconds after which a request counts as failed."""
    max_tries: int = Field(6, ge=1, le=100)
    """Most tries per request when the service fails (rate limit, server error, timeout, reset)."""
    max_attempts: int = Field(3, ge=1, le=10)
    """Most answers asked for when one breaks the contract; each is paid for."""
    max_reask_tokens: PositiveInt = 100_000
    """Most tokens, in and out, that asking again about one sample may cost in all, as the server counts them."""
    max_reask_usd: PositiveFloat | None = None
    """Most US dollars that asking again about one sample may cost in all, where the model has a price."""
    price_per_million: TokenPrice | None = None
    """US dollars per million tokens, where the list price does not hold, e.g. ``{input: 0, output: 0}``."""
    base_urls: tuple[Annotated[str, Field(pattern=ADDRESS)], ...] = ()
    """Several addresses of one model, in place of base_url: each request goes to the one that is least busy for what
    it takes; one that fails is left alone for a while."""
    requests_per_minute: PositiveFloat | None = None
    """Most requests per minute, of all machines that ask this model there, in all worker processes together; where they
    state several, the lowest holds."""
    tokens_per_minute: PositiveFloat | None = None
    """Most tokens per minute, in and out, likewise."""
    mode: Literal["online", "batch"] = "online"
    """online: asked at once; batch: by the Batch API of OpenAI at half the price, within a day."""
    batch: BatchOptions = BatchOptions()
    """How batches are cut and watched."""

    @field_validator("prompt")
    @classmethod
    def _can_be_filled(cls, value: str) -> str:
        if value:
            check_prompt(value)
        return value

    @property
    def model_asked(self) -> str:
        return self.model

    @property
    def address(self) -> str:
        """Where the API is: of the recipe, of the environment, or OpenAI's."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the API is, at one or several places."""
        return self.base_urls or (self.address,)

    @property
    def account(self) -> str:
        """What a service counts requests by: the model, where it is asked, and whose key it is."""
        where = sorted(address.rstrip("/") for address in self.addresses)
        return canonical_json((self.model, where, self.api_key_env))

    @property
    def api_key(self) -> str:
        """The key from the environment; empty where there is none. Never part of what is dumped or shown."""
        return os.environ.get(self.api_key_env, "").strip()

    @property
    def known_convention(self) -> BoxConvention | None:
        """The convention that is declared, or known of the model's family; None where neither is."""
        family = family_of(self.model)
        return self.convention or (family.convention if family else None)

    @property
    def is_native(self) -> bool:
        """Whether the model answers in marks of its own rather than in JSON."""
        family = family_of(self.model)
        return bool(family and family.is_native)

    @property
    def seeing(self) -> Seeing:
        """How much of a medium is shown, in pictures that the model's server leaves as they are."""
        family = family_of(self.model)
        return Seeing(
            max_view_side=self.max_view_side,
            page_view_side=self.page_view_side,
            page_dpi=self.page_dpi,
            max_frames=self.max_frames,
            frames_per_second=self.frames_per_second,
            max_pages=self.max_pages,
            max_own_bytes=self.max_own_bytes,
            view_multiple=family.view_multiple if family else 1,
            min_view_side=family.min_view_side if family else 1,
        )


def with_shared_minutes(machines: Sequence[MachineConfig]) -> tuple[MachineConfig, ...]:
    """The machines, each with the lowest limits per minute that one of its account states: a service counts all."""
    asking = [config for config in machines if isinstance(config, ModelOptions)]
    return tuple(
        config.evolve(
            requests_per_minute=_lowest(one.requests_per_minute for one in asking if one.account == config.account),
            tokens_per_minute=_lowest(one.tokens_per_minute for one in asking if one.account == config.account),
        )
        if isinstance(config, ModelOptions)
        else config
        for config in machines
    )


def _lowest(limits: Iterable[float | None]) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
