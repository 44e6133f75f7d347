"""A response body as it came, read: the model's words, why it stopped, what it counted. Pure functions.

Servers differ: words may be a string or a list of parts, usage may be missing, an error may be an object, a string
or a page of HTML. Both APIs are read, Chat Completions and Responses.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

__all__ = [
    "Completion",
    "begins_as_refusal",
    "error_text",
    "read_answer",
    "read_completion",
    "refuses",
    "whole_text",
]

MAX_WORDS = 2**20
"""Characters of an answer that are looked at; no answer to our questions is longer."""
FILTERED = "the server's content filter stopped the answer"
MAX_MESSAGE = 500
"""Characters of a server's error message that are kept."""


_REFUSING = re.compile(
    r"\W*(i\W?m (sorry|unable|not able)|i am (sorry|unable|not able)|(i|we) (can\W?t|cannot|won\W?t|will not)\b|"
    r"sorry\b|i apologi[sz]e|as an ai\b|unfortunately,? i)",
    re.IGNORECASE,
)
"""How models begin when they refuse in ordinary words."""
_NO_HELP = re.compile(
    r"(.{0,40}\b)?(i|we)(\W?m| am|\W?re| are)? (can\W?t|can ?not|unable to|not able to|won\W?t|will not) "
    r"(help (with|you)|help\W*\Z|assist|comply|fulfil|provide (that|this)|do (that|this)|continue with)",
    re.IGNORECASE | re.DOTALL,
)
"""The same within an answer's form, where "I cannot see any seam" explains something."""


class Completion(NamedTuple):
    """What a chat completion says."""

    words: str = ""
    """The model's words."""
    refusal: str = ""
    """Its refusal, in its own words, or the filter's."""
    finish_reason: str = ""
    """Why it stopped, as the server puts it."""
    model: str = ""
    """The model as the server names it."""
    input_tokens: int = 0
    output_tokens: int = 0
    problem: str = ""
    """Why this is no completion at all; empty where it is one."""
    is_unasked: bool = False
    """Whether the server itself refused: the model was not asked, and there was nothing to count."""
    is_full: bool = False
    """Whether it holds as many tokens as were allowed, whatever the server calls that."""


def read_answer(status: int, body: str, *, most_tokens: int | None = None) -> Completion:
    """What a stored answer says; any status but 200 is the server's own refusal, in its words.

    ``most_tokens`` is how long it was allowed to be: servers end an answer there and call it complete.
    """
    if status == 200:
        read = read_completion(body)
        return read._replace(is_full=most_tokens is not None and read.output_tokens == most_tokens)
    return Completion(refusal=error_text(body)[1] or "the server refused to answer", is_unasked=True)


def error_text(body: str) -> tuple[str, str]:
    """Code and message of an OpenAI-style error body; anything else is its own message, shortened."""
    try:
        error = json.loads(body)["error"]
        code, text = error.get("code") or error.get("type") or "", error.get("message") or ""
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        code, text = "", body
    return str(code)[:100], whole_text(" ".join(str(text)[: 2 * MAX_MESSAGE].split())[:MAX_MESSAGE])


def read_completion(body: str) -> Completion:
    """The completion in a response body; one with a ``problem`` where there is none."""
    try:
        response = json.loads(body[: 8 * MAX_WORDS])
    except (ValueError, RecursionError):
        return Completion(problem="the response is not JSON")
    if isinstance(response, dict) and isinstance(response.get("output"), list):
        return _from_responses(response)
    choice = _first(response.get("choices")) if isinstance(response, dict) else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        return Completion(problem=f"the response holds no message: {_said(response)}")
    message, usage = choice["message"], _mapping(response.get("usage"))
    return Completion(
        words=whole_text(_words(message.get("content"))[:MAX_WORDS]),
        refusal=_text(message.get("refusal")) or _filtered(choice),
        finish_reason=_text(choice.get("finish_reason"))[:50],
        model=_text(response.get("model"))[:200],
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _from_responses(response: dict[str, Any]) -> Completion:
    """A response of the Responses API: the text parts of its messages, in order; reasoning is no answer."""
    messages = [_mapping(item) for item in response["output"] if _mapping(item).get("type") == "message"]
    parts = [_mapping(part) for m in messages for part in (m["content"] if isinstance(m.get("content"), list) else [])]
    reason = _text(_mapping(response.get("incomplete_details")).get("reason"))
    usage, failed = _mapping(response.get("usage")), response.get("status") == "failed"
    if failed or (not parts and not reason):
        return Completion(problem=f"the response holds no message: {_said(response)}")
    is_filtered = reason == "content_filter"
    return Completion(
        words=whole_text("".join(_text(part.get("text")) for part in parts)[:MAX_WORDS]),
        refusal="".join(_text(part.get("refusal")) for part in parts) or (FILTERED if is_filtered else ""),
        finish_reason={"max_output_tokens": "length"}.get(reason, reason or "stop")[:50],
        model=_text(response.get("model"))[:200],
        input_tokens=_count(usage.get("input_tokens")),
        output_tokens=_count(usage.get("output_tokens")),
    )


def begins_as_refusal(words: str) -> bool:
    """Whether words outside of any form refuse to answer."""
    return _REFUSING.match(words) is not None


def refuses(words: str) -> bool:
    """Whether an explanation or a reason is a refusal to give one."""
    return _NO_HELP.match(words) is not None


def whole_text(text: str) -> str:
    """Without NUL and without halves of surrogate pairs, which no table and no file of ours can hold."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def _words(content: Any) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _filtered(choice: dict[str, Any]) -> str:
    return FILTERED if choice.get("finish_reason") == "content_filter" else ""


def _said(response: Any) -> str:
    error = _mapping(_mapping(response).get("error"))
    return (_text(error.get("message")) or json.dumps(response)[:200])[:500]


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return whole_text(value) if isinstance(value, str) else ""


def _count(value: Any) -> int:
    """Tokens are counted in 64 bits at most; a server that says something else has not counted."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
