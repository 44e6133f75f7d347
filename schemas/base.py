"""What every type of the vocabulary shares: frozen, closed, and identified by content."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler

from .docstrings import attribute_docstrings

__all__ = ["Confidence", "Frozen", "Int64", "canonical_json", "content_id"]

Confidence = Annotated[float, Field(ge=0, le=1)]
"""0 (a guess) to 1 (certain)."""
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""An integer from outside that a table must be able to hold."""


class Frozen(BaseModel):
    """One state, never filled up over time: immutable, and unknown fields are refused.

    The string under a field is its documentation everywhere: in the JSON schema that a model is
    asked to fill, in the field table of the dataset card, and here.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    def evolve(self, **changes: Any) -> Self:
        """A changed copy that is validated again (``model_copy(update=...)`` is not)."""
        return type(self).model_validate({**dict(self), **changes})

    @classmethod
    def field_docs(cls) -> dict[str, str]:
        """The string under each field, those of the bases included."""
        bases = (base for base in reversed(cls.__mro__) if issubclass(base, Frozen))
        return {name: text for base in bases for name, text in attribute_docstrings(base).items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in cls.field_docs().items():
            if name in properties:
                properties[name].setdefault("description", text)
        return schema


def content_id(*parts: Any) -> str:
    """The sha256, in lower-case hex, of the parts' canonical JSON: equal parts, equal id.

    >>> content_id("a", 1) == content_id("a", 1)
    True
    >>> content_id("a", 1) == content_id("a", "1")
    False
    """
    return hashlib.sha256(canonical_json(parts).encode("utf-8", "surrogatepass")).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON in one line, keys sorted: equal values, equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
