"""How frozen models travel between Beam's stages: their own JSON, a quarter of pickle's cost."""

from __future__ import annotations

from typing import Any

from apache_beam import coders

from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.record import Rejection
from schemas.sample import Item, Sample

from .worker_errors import tell_once

__all__ = ["PydanticCoder", "register_coders"]


class PydanticCoder(coders.Coder):
    """A frozen model as its JSON; deterministic, validated on the way back."""

    def __init__(self, model: type[Frozen]) -> None:
        self.model = model

    def encode(self, value: Frozen) -> bytes:
        return value.__pydantic_serializer__.to_json(value)

    def decode(self, encoded: bytes) -> Frozen:
        return self.model.model_validate_json(encoded)

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> Any:
        return self.model

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: Any) -> PydanticCoder:
        return cls(typehint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PydanticCoder) and self.model is other.model

    def __hash__(self) -> int:
        return hash((type(self), self.model))


def register_coders() -> None:
    """Make Beam use the coder for every type that crosses a stage boundary."""
    for model in (Item, Sample, Candidate, Rejection):
        coders.registry.register_coder(model, PydanticCoder)


tell_once()  # here, since every worker imports its coders first; under LOOPBACK the launcher is the worker
