"""One sample's conversation with a model: asked, read, and asked again with what was wrong, until it can be used.

Every answer is on disk before it is read; every attempt is kept, with what it cost.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from pydantic import JsonValue

from schemas.base import canonical_json
from schemas.candidate import Attempt, ParseStatus, Usage
from schemas.errors import AnswerError, SampleError, ServiceError

from ..answers import StoredAnswer
from ..base import Workbench
from .asked import Proposal, Reading
from .defects import Flaw
from .endpoints import Asks
from .history import numbered
from .inquiry import Inquiry, Terms, reask_key
from .options import ModelOptions
from .pictures import pictures_of
from .prices import usage_of
from .reading import Completion, error_text, read_answer
from .request import Dialect, Exchange, complaint_about, form, request_head, request_pieces, spoken
from .retries import Answered, refusal, refused
from .texts import quotable_texts
from .till import Till
from .views import caption

__all__ = ["Conversations", "Outcome"]

FILTERED = ("content_policy_violation", "content_filter", "moderation_blocked", "invalid_prompt")
"""Codes of a 400 that is the server's refusal to answer, not a mistake in the request."""
FILTERED_WORDS = ("content_policy_violation", "content_filter", "contentpolicyviolation")
"""The same in the words of a proxy, whose own code is just ``400`` (LiteLLM)."""

FORMLESS = frozenset((Flaw.NOT_JSON.code, Flaw.WRONG_TYPE.code))
"""Defects of answers that were not held to the schema."""


class Outcome(NamedTuple):
    """An answer that can be used, and the way to it."""

    key: str
    stored: StoredAnswer
    completion: Completion
    status: ParseStatus
    proposal: Proposal
    history: tuple[Attempt, ...]
    is_cached: bool


class Conversations:
    """The conversations of one machine in one worker process."""

    def __init__(self, options: ModelOptions, terms: Terms, bench: Workbench, asker: Asks) -> None:
        self._options = options
        self._terms = terms
        self._bench = bench
        self._asker = asker
        self._dialect = Dialect("none" if options.is_native else options.structured, api=options.api)
        self._till = Till(options, bench.purse)
        for refusal_text in asker.refusals:
            self._dialect = self._dialect.after(refusal_text) or self._dialect
        self._heads: dict[tuple[str, Dialect], bytes] = {}

    async def hold(self, inquiry: Inquiry) -> Outcome:
        """Asks, reads, and asks again with what was wrong, until an answer can be used.

        Raises AnswerError or ServiceError with ``attempts``, ``history`` and ``answer_key``; MediaError where the
        pictures cannot be made.
        """
        key, is_cached, asked = inquiry.key, True, None
        exchanges: tuple[Exchange, ...] = ()
        history: tuple[Attempt, ...] = ()
        while True:
            stored, was_there = await self._stored(key, inquiry, exchanges, history)
            completion = read_answer(stored.status, stored.body, most_tokens=self._options.max_tokens)
            asked = asked or inquiry.asked(self._terms, await self._page_texts(inquiry))
            reading = inquiry.read(completion, asked)
            history = numbered((*history, *stored.failed_tries, self._attempt(key, stored, completion, reading)))
            is_cached = is_cached and was_there
            if reading.proposal:
                return Outcome(key, stored, completion, reading.status, reading.proposal, history, is_cached)
            self._learn(completion, reading)
            exchanges = (*exchanges, complaint_about(completion.words, reading.defects))
            bound = self._reached(history)
            if bound:
                raise _unusable(reading, key, history, bound)
            key = reask_key(key, exchanges[-1])

    async def hold_all(self, inquiries: Sequence[Inquiry]) -> list[Outcome]:
        """Holds all at once, in their order; a failure also tells what was answered, and paid, beside it."""
        held = await asyncio.gather(*(self.hold(inquiry) for inquiry in inquiries), return_exceptions=True)
        failed = [error for error in held if isinstance(error, BaseException)]
        if not failed:
            return [outcome for outcome in held if isinstance(outcome, Outcome)]
        # A defect of ours says more than the service's failure beside it.
        worst = next((error for error in failed if not isinstance(error, ServiceError | SampleError)), failed[0])
        ours = copy.copy(worst)
        whole = numbered(attempt for each in held for attempt in getattr(each, "history", ()))
        ours.__dict__.update(history=whole, attempts=len(whole) or 1)
        raise ours from worst

    async def answer(self, inquiry: Inquiry) -> StoredAnswer:
        """The first answer as it came, from disk or from the server, unread. Raises as ``hold`` does."""
        return (await self._stored(inquiry.key, inquiry, (), ()))[0]

    def _learn(self, completion: Completion, reading: Reading) -> None:
        """From words that no server gives which holds the model to the schema: from now on the prompt tells it too."""
        words = completion.words.lstrip()
        if words and (not words.startswith("{") or FORMLESS.intersection(reading.names)):
            self._dialect = self._dialect._replace(has_form_in_words=True)

    def _reached(self, history: tuple[Attempt, ...]) -> str:
        """The option that forbids to ask again, should the next answer cost what the last one did; or nothing."""
        answered, options = [attempt.usage for attempt in history if attempt.answer_key], self._options
        again = [*answered[1:], answered[-1]]
        if len(answered) >= options.max_attempts:
            return "max_attempts"
        if sum(usage.input_tokens + usage.output_tokens for usage in again) > options.max_reask_tokens:
            return "max_reask_tokens"
        if options.max_reask_usd is not None and sum(usage.usd or 0.0 for usage in again) > options.max_reask_usd:
            return "max_reask_usd"
        return ""

    async def _page_texts(self, inquiry: Inquiry) -> dict[int, str]:
        asset, bench = inquiry.sample.primary, self._bench
        pages = tuple(view.page_index for view in inquiry.views if view.page_index is not None)
        return await quotable_texts(
            asset, pages, inquiry.question, self._terms.task, open_uri=bench.open_uri, sandbox=bench.sandbox
        )

    async def _stored(
        self, key: str, inquiry: Inquiry, exchanges: tuple[Exchange, ...], history: tuple[Attempt, ...]
    ) -> tuple[StoredAnswer, bool]:
        """The answer from disk or from the server; a failure also tells what was answered, and paid, before it."""
        try:
            return await self._bench.answers.once(key, partial(self._ask, key, inquiry, exchanges))
        except (ServiceError, SampleError) as error:
            ours = copy.copy(error)  # callers that share a call share its error
            whole = numbered((*history, *getattr(error, "history", ())))
            ours.__dict__.update(history=whole, attempts=len(whole) or 1)
            raise ours from error

    async def _ask(self, key: str, inquiry: Inquiry, exchanges: tuple[Exchange, ...]) -> StoredAnswer:
        """Asks and pays."""
        async with self._till.ready_for(inquiry) as bill:
            stored = await self._answered(key, inquiry, exchanges)
            bill.pay(key, self._usage(read_answer(stored.status, stored.body), stored.price_factor))
        return stored

    async def _answered(self, key: str, inquiry: Inquiry, exchanges: tuple[Exchange, ...]) -> StoredAnswer:
        """Asks until the server answers; a form that it refuses is left out, for good once that was accepted."""
        dialect, failed = self._dialect, tuple[Attempt, ...]()
        while True:
            asked = await self._asker.ask(
                partial(self._body, inquiry, exchanges, dialect), key=key, sample_id=inquiry.sample.sample_id
            )
            reply, failed = asked.reply, (*failed, *asked.failed_tries)
            if reply.status == 200 or _is_filtered(reply.text):
                self._settle(dialect, reply.status)
                return self._answer(asked._replace(failed_tries=failed), dialect)
            failed = (*failed, refused(reply, asked.latency_s))
            reduced = dialect.after(reply.text)
            if reduced is None:
                raise refusal(failed)
            dialect = reduced

    def _settle(self, dialect: Dialect, status: int) -> None:
        """A dialect that was accepted is spoken from now on; what was learned meanwhile stays."""
        if status == 200:
            has_form = dialect.has_form_in_words or self._dialect.has_form_in_words
            self._dialect = dialect._replace(has_form_in_words=has_form)

    def _answer(self, answered: Answered, dialect: Dialect) -> StoredAnswer:
        return StoredAnswer(
            model=self._options.model,
            parameters=canonical_json({**self._options.extra_body, **self._parameters(dialect)}),
            status=answered.reply.status,
            body=answered.reply.text,
            latency_s=round(answered.latency_s, 6),
            failed_tries=answered.failed_tries,
            paid_by=self._bench.answers.payer,
            price_factor=answered.price_factor,
        )

    async def _body(self, inquiry: Inquiry, exchanges: tuple[Exchange, ...], dialect: Dialect) -> tuple[bytes, ...]:
        """The pieces of a request. Raises MediaError."""
        asset = inquiry.sample.primary
        pictures = await pictures_of(
            asset,
            inquiry.views,
            open_uri=self._bench.open_uri,
            sandbox=self._bench.sandbox,
            limits=self._bench.limits,
            max_text_chars=self._options.max_text_chars,
            covers=inquiry.covers,
        )
        if (second := inquiry.sample.compared_with) and inquiry.beside:
            pictures += await pictures_of(
                second,
                (inquiry.beside,),
                open_uri=self._bench.open_uri,
                sandbox=self._bench.sandbox,
                limits=self._bench.limits,
                max_text_chars=0,
            )
        return request_pieces(
            self._head(inquiry, dialect),
            words=inquiry.words,
            captions=self._captions(inquiry),
            pictures=pictures,
            exchanges=exchanges,
            api=dialect.api,
        )

    def _captions(self, inquiry: Inquiry) -> tuple[str, ...]:
        asset, has_size = inquiry.sample.primary, self._terms.convention.is_in_pixels
        shown = tuple(caption(n, view, asset, has_size=has_size) for n, view in enumerate(inquiry.views, 1))
        return (*shown, "The second image, to compare with:") if inquiry.beside else shown

    def _head(self, inquiry: Inquiry, dialect: Dialect) -> bytes:
        """Rendered once per system message and dialect."""
        kind = (inquiry.system_with_schema, dialect)
        if kind not in self._heads:
            own = {**self._options.extra_body, **self._parameters(dialect), **form(dialect, inquiry.schema)}
            is_told = dialect.structured == "json_schema" and not dialect.has_form_in_words
            system = inquiry.system if is_told or self._terms.is_native else inquiry.system_with_schema
            self._heads[kind] = request_head(own, system, dialect.api)
        return self._heads[kind]

    def _parameters(self, dialect: Dialect) -> dict[str, JsonValue]:
        return spoken(
            dialect, self._options.model, self._options.temperature, self._options.max_tokens, self._options.seed
        )

    def _usage(self, completion: Completion, price_factor: float) -> Usage:
        return usage_of(completion, self._options.model, self._options.price_per_million, price_factor)

    def _attempt(self, key: str, stored: StoredAnswer, completion: Completion, reading: Reading) -> Attempt:
        return Attempt(
            number=1,
            status=reading.status,
            message=reading.message,
            defects=reading.names,
            latency_s=stored.latency_s,
            answer_key=key,
            usage=self._usage(completion, stored.price_factor),
            is_paid_elsewhere=not self._bench.answers.is_paid_here(stored),
        )


def _is_filtered(text: str) -> bool:
    code, message = error_text(text)
    return code in FILTERED or any(word in message.lower() for word in FILTERED_WORDS)


_RAISE = {
    "max_attempts": "raise max_attempts",
    "max_reask_tokens": "raise max_reask_tokens, which asking again would exceed",
    "max_reask_usd": "raise max_reask_usd, which asking again would exceed",
}


def _unusable(reading: Reading, key: str, history: tuple[Attempt, ...], bound: str) -> AnswerError:
    raised = "raise max_tokens" if reading.status == "truncated" else _RAISE[bound]
    error = AnswerError(
        f"the model's answer cannot be used: {reading.message}",
        remedy=f"the raw answer is {key[:12]}... in answers/; try another model or prompt, or {raised}",
    )
    error.__dict__.update(answer_key=key, attempts=len(history), history=history, parse_status=reading.status)
    return error
