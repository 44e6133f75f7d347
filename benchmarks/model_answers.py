"""What the model server answers: an instance of the requested schema, drawn from the hash of the pictures.

The same pictures and schema always get the same answer, whatever the order of the requests.
"""

from __future__ import annotations

import json
import re
from itertools import product
from random import Random
from typing import Any, NamedTuple

import xxhash

__all__ = ["Request", "answer_for", "read_request"]

URL_START, URL_END = b'"data:', b'"'
FREE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["real", "generated", "edited", "unclear"]},
        "explanation": {"type": "string"},
        "regions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "category": {"type": "string"},
                    "box": {"type": "array", "items": {"type": "integer"}},
                    "explanation": {"type": "string"},
                },
            },
        },
    },
}
"""What is answered where no schema is asked for."""


class Request(NamedTuple):
    """What a request body says, without its pictures."""

    body_hash: str
    """Hash of the whole body: equal requests have equal ones."""
    picture_hash: str
    """Hash of the pictures; of the rest where there are none."""
    pictures: int
    """How many pictures there are."""
    content: dict[str, Any]
    """The body as JSON, every picture replaced by an empty URL."""


def read_request(body: bytes | bytearray) -> Request:
    """Reads a chat completion request without parsing its pictures (0.2 ms for 276 KB).

    Raises ValueError where the body is not a JSON object.
    """
    pictures, rest, position = xxhash.xxh3_128(), [], 0
    count = 0
    while (start := body.find(URL_START, position)) >= 0:
        end = body.index(URL_END, start + 1)
        pictures.update(memoryview(body)[start + 1 : end])
        rest.append(bytes(body[position : start + 1]))
        position, count = end, count + 1
    rest.append(bytes(body[position:]))
    small = b"".join(rest)
    content = json.loads(small)
    if not isinstance(content, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - one error for every bad body
    whole = xxhash.xxh3_128(small + pictures.digest()).hexdigest()
    return Request(whole, pictures.hexdigest() if count else whole, count, content)


def answer_for(request: Request, categories: tuple[str, ...], min_regions: int = 0) -> dict[str, Any]:
    """A valid answer, the same for the same pictures and schema; ``categories`` serve where no schema names any."""
    form = request.content.get("response_format")
    schema = form["json_schema"]["schema"] if isinstance(form, dict) and "json_schema" in form else _in_words(request)
    asked = schema.get("properties", {})
    is_evidence = "answer" in asked and "explanation" not in asked  # an answer to a question rests on some place
    answer: dict[str, Any] = _Writer(request, categories, max(min_regions, is_evidence)).instance(schema, "answer")
    return answer


def _in_words(request: Request) -> dict[str, Any]:
    """The schema that stands on the last line of the system message, as our prompts put it, or the free one."""
    messages = request.content.get("messages") or [{}]
    words = messages[0].get("content")
    found = re.search(r"^(\{.*\})\s*\Z", words, re.MULTILINE) if isinstance(words, str) else None
    return json.loads(found[1]) if found else FREE_SCHEMA


class _Writer:
    """Fills a schema in, drawing from the hash of the pictures."""

    def __init__(self, request: Request, categories: tuple[str, ...], min_regions: int) -> None:
        self._draw = Random(request.picture_hash)
        self._pictures, self._categories, self._min = request.pictures, categories, min_regions

    def instance(self, schema: dict[str, Any], name: str) -> Any:
        """A value of the schema for the property of that name."""
        if "enum" in schema:
            return self._draw.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "object":
            return {key: self.instance(child, key) for key, child in schema["properties"].items()}
        if kind == "array":
            return self._box() if name == "box" else self._list(schema, name)
        if kind in ("integer", "number"):
            return self._draw.randint(*self._reach(schema))
        if kind == "boolean":
            return self._draw.random() < 0.5
        if name == "quote":
            return ""  # nothing was read, so nothing can be quoted
        return self._draw.choice(self._categories) if name == "category" and self._categories else self._words(name)

    def _reach(self, schema: dict[str, Any]) -> tuple[int, int]:
        """From which number to which: of a scale, else of the pictures."""
        scale = re.search(r"From (\d+) .* to (\d+) ", schema.get("description", ""))
        return (int(scale[1]), int(scale[2])) if scale else (1, max(1, self._pictures))

    def _list(self, schema: dict[str, Any], name: str) -> list[Any]:
        """One entry for each choice of a list of named things, or for each pair of proposal and factor; else a few."""
        inside = schema["items"].get("properties", {})
        if count := re.search(r"1 to (\d+)", inside.get("proposal", {}).get("description", "")):
            pairs = product(range(1, int(count[1]) + 1), inside["factor"]["enum"])
            return [{**self.instance(schema["items"], name), "proposal": p, "factor": f} for p, f in pairs]
        for key in ("name", "option"):
            if choices := inside.get(key, {}).get("enum"):
                return [{**self.instance(schema["items"], name), key: choice} for choice in choices]
        return [self.instance(schema["items"], name) for _ in range(self._draw.randint(self._min, self._min + 3))]

    def _box(self) -> list[int]:
        x1, y1 = self._draw.randrange(0, 900), self._draw.randrange(0, 900)
        return [x1, y1, x1 + self._draw.randint(20, 1000 - x1), y1 + self._draw.randint(20, 1000 - y1)]

    def _words(self, name: str) -> str:
        return f"The {name} rests on what is seen at mark {self._draw.randrange(10**6):06d}."
