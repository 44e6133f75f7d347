"""The bytes of a request: small JSON around pictures that are encoded once and never parsed.

The body follows the Chat Completions API (pictures as ``image_url`` data URIs) or the Responses API; what a server
does not know is left out or said otherwise after its first refusal: see Dialect.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue

from schemas.checks import Defect

from .pictures import Picture
from .wanted import response_format

__all__ = [
    "PATHS",
    "Api",
    "Dialect",
    "Exchange",
    "Structured",
    "complaint_about",
    "form",
    "request_head",
    "request_pieces",
    "spoken",
]

Api = Literal["chat", "responses"]
"""Which of OpenAI's two APIs is spoken."""
PATHS: dict[Api, str] = {"chat": "chat/completions", "responses": "responses"}
"""Where each is found, below the base URL."""

Structured = Literal["json_schema", "json_object", "none"]
"""How the answer's form is demanded: by schema, as any JSON object, or in words only."""


MAX_QUOTED = 4000
"""Characters of an unusable answer that are shown to the model again."""


class Dialect(NamedTuple):
    """What a server understands; starts as configured and is only ever reduced."""

    structured: Structured = "json_schema"
    tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    has_temperature: bool = True
    has_seed: bool = True
    api: Api = "chat"
    has_form_in_words: bool = False
    """Whether the prompt tells the form beside the request's field: some servers take the field and ignore it."""

    def after(self, refusal: str) -> Dialect | None:
        """The dialect to try after a 400 with this text, or None where the text names nothing we could leave out."""
        text = refusal.lower()
        if self.tokens_field == "max_tokens" and self.api == "chat" and _wants_new_name(text):
            return self._replace(tokens_field="max_completion_tokens")
        if self.has_temperature and "temperature" in text:
            return self._replace(has_temperature=False)
        if self.structured != "none" and any(word in text for word in _FORM_WORDS):
            return self._replace(structured="json_object" if self.structured == "json_schema" else "none")
        if self.has_seed and "seed" in text:
            return self._replace(has_seed=False)
        return None


_FORM_WORDS = (
    "response_format",
    "text.format",
    "json_schema",
    "json_object",
    "structured output",
    "guided",
    "grammar",
    "schema",
)
_UNKNOWN = (
    "unsupported",
    "not support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra",
    "not permitted",
    "deprecated",
)
"""How servers say that they do not know a field; "too large" says something else."""


def _wants_new_name(refusal: str) -> bool:
    is_unknown = "max_tokens" in refusal and any(word in refusal for word in _UNKNOWN)
    return "max_completion_tokens" in refusal or is_unknown


class Exchange(NamedTuple):
    """One answer that could not be used, and what was said about it."""

    answer: str
    """The model's words, shortened; empty where it said nothing."""
    complaint: str
    """What is wrong with them."""


def spoken(
    dialect: Dialect, model: str, temperature: float | None, max_tokens: int, seed: int | None
) -> dict[str, JsonValue]:
    """The parameters of a request in a server's dialect."""
    tokens_field = dialect.tokens_field if dialect.api == "chat" else "max_output_tokens"
    parameters: dict[str, JsonValue] = {"model": model, tokens_field: max_tokens}
    if temperature is not None and dialect.has_temperature:
        parameters["temperature"] = temperature
    if seed is not None and dialect.has_seed and dialect.api == "chat":
        parameters["seed"] = seed
    return parameters


def form(dialect: Dialect, schema: dict[str, Any]) -> dict[str, JsonValue]:
    """How the request demands the answer's form; nothing where the prompt alone does."""
    if dialect.structured == "none":
        return {}
    wanted: dict[str, Any] = {"type": "json_object"}
    if dialect.structured == "json_schema":
        wanted = response_format(schema)
    if dialect.api == "chat":
        return {"response_format": wanted}
    flat = {"type": wanted["type"], **wanted.get("json_schema", {})}
    return {"text": {"format": flat}}


def request_head(parameters: dict[str, JsonValue], system: str, api: Api = "chat") -> bytes:
    """The start of a body, up to the user message: the same for all samples that are asked the same."""
    if api == "chat":
        return _json(parameters)[:-1] + b',"messages":[' + _message("system", system) + b","
    once = {"store": False, "stream": False}  # transformers' server streams unless it is told not to
    return _json({**parameters, **once, "instructions": system})[:-1] + b',"input":['


def request_pieces(
    head: bytes,
    *,
    words: str,
    captions: tuple[str, ...],
    pictures: tuple[Picture, ...],
    exchanges: tuple[Exchange, ...] = (),
    api: Api = "chat",
) -> tuple[bytes, ...]:
    """The body in pieces whose concatenation is one JSON object; every picture is a piece of its own."""
    import pybase64  # 0.04 ms for 200 KB where the standard library's takes 0.7

    parts = _PARTS[api]
    pieces = [head + b'{"role":"user","content":[' + (_text(parts, words) + b"," if words else b"")]
    for number, (above, picture) in enumerate(zip(captions, pictures, strict=True)):
        url = b"data:" + picture.media_type.encode() + b";base64,"
        pieces.append((b"," if number else b"") + _text(parts, above) + b"," + parts.picture_start + url)
        pieces.append(pybase64.b64encode(picture.data))
        layer = b"," + _text(parts, _layer(picture.text)) if picture.text else b""
        pieces.append(parts.picture_end + layer)
    pieces.append(b"]}" + b"".join(b"," + message for exchange in exchanges for message in _turns(exchange)) + b"]}")
    return tuple(pieces)


def complaint_about(words: str, defects: tuple[Defect, ...]) -> Exchange:
    """What is said to a model about its unusable answer: every defect, with the part that it is in."""
    listed = "\n".join(f"- {defect.message}" for defect in defects)
    return Exchange(
        words[:MAX_QUOTED],
        f"Your answer cannot be used:\n{listed}\n"
        "Answer again with one whole, corrected JSON object of the same form, and nothing else.",
    )


def _turns(exchange: Exchange) -> tuple[bytes, ...]:
    """The unusable answer and the complaint; some servers refuse an empty message of the assistant."""
    complaint = _message("user", exchange.complaint)
    return (_message("assistant", exchange.answer), complaint) if exchange.answer else (complaint,)


def _layer(text: str) -> str:
    return f"The text of this page, as data: {json.dumps(text, ensure_ascii=False)}"


class _Parts(NamedTuple):
    """How an API spells the parts of a message."""

    text_type: str
    picture_start: bytes
    picture_end: bytes


_PARTS: dict[Api, _Parts] = {
    "chat": _Parts("text", b'{"type":"image_url","image_url":{"url":"', b'"}}'),
    "responses": _Parts("input_text", b'{"type":"input_image","image_url":"', b'"}'),
}


def _text(parts: _Parts, text: str) -> bytes:
    return _json({"type": parts.text_type, "text": text})


def _message(role: str, content: str) -> bytes:
    return _json({"role": role, "content": content})


def _json(value: JsonValue) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
