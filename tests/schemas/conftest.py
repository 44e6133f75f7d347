"""Hypothesis strategies for every Frozen type, from its fields; and one small valid record."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, MinLen
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas import candidate, geometry, judgement, record, sample, verification
from schemas.base import Frozen
from schemas.media import types as media
from schemas.taxonomy import Category, Level, Taxonomy

settings.register_profile("witnessmark", deadline=None, max_examples=25, print_blob=True)
settings.load_profile("witnessmark")

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
COORDINATES = st.floats(-10_000, 10_000, allow_subnormal=False).map(lambda x: round(x, 3))


def box_strategy() -> st.SearchStrategy[geometry.Box]:
    sides = st.floats(0.01, 5_000).map(lambda x: round(x, 3))
    return st.builds(
        lambda x, y, w, h: geometry.Box(x1=x, y1=y, x2=x + w, y2=y + h), COORDINATES, COORDINATES, sides, sides
    )


@st.composite
def polygon_strategy(draw: st.DrawFn) -> geometry.Polygon:
    """A star around a center, some with a small triangle cut out of the middle."""
    x, y, radius = draw(COORDINATES), draw(COORDINATES), draw(st.floats(2, 500))
    angles = np.sort([*draw(st.lists(st.floats(0, 6.28), max_size=8)), 0.1, 2.2, 4.3])
    exterior = tuple((x + radius * float(np.cos(a)), y + radius * float(np.sin(a))) for a in dict.fromkeys(angles))
    hole = tuple((x + radius / 9 * float(np.cos(a)), y + radius / 9 * float(np.sin(a))) for a in (0.1, 2.2, 4.3))
    return geometry.Polygon(exterior=exterior, holes=(hole,) if draw(st.booleans()) else ())


@st.composite
def mask_strategy(draw: st.DrawFn) -> geometry.Mask:
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    bits = draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height))
    pixels = np.array(bits, bool).reshape(height, width)
    return geometry.mask_from_array(pixels, draw(st.sampled_from(["pycocotools", "painted", "threshold"])))


def span_strategy() -> st.SearchStrategy[geometry.TimeSpan]:
    seconds = st.floats(0, 1000)
    lengths = st.floats(0.001, 100)
    return st.builds(lambda s, n: geometry.TimeSpan(start_s=s, end_s=s + n), seconds, lengths)


def claim_strategy() -> st.SearchStrategy[candidate.Claim]:
    def build(start: int, length: int, ids: list[str]) -> candidate.Claim:
        return candidate.Claim(start=start, end=start + length, region_ids=tuple(ids))

    return st.builds(build, st.integers(0, 99), st.integers(1, 99), st.lists(TEXT, max_size=2))


def frozen_strategy(model: type[Frozen]) -> st.SearchStrategy[Any]:
    fields = {name: value_strategy(f.annotation, tuple(f.metadata)) for name, f in model.model_fields.items()}
    if model is candidate.Region:
        fields["box"] = box_strategy()
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


def value_strategy(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    origin, args = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return value_strategy(args[0], (*metadata, *_constraints(annotation.__metadata__)))
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        item, *rest = args
        if rest and rest[0] is not Ellipsis:
            return st.tuples(*(value_strategy(arg) for arg in args))
        shortest = max((b.min_length for b in _constraints(metadata) if isinstance(b, MinLen)), default=0)
        return st.lists(value_strategy(item), min_size=shortest, max_size=shortest + 2).map(tuple)
    if args:
        return st.one_of(*(st.none() if arg is type(None) else value_strategy(arg, metadata) for arg in args))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return STRATEGIES[annotation]
    return scalar_strategy(annotation, _constraints(metadata))


def _constraints(metadata: tuple[Any, ...]) -> tuple[Any, ...]:
    """Bounds, also those that stand inside a pydantic FieldInfo."""
    return tuple(bound for entry in metadata for bound in getattr(entry, "metadata", [entry]))


def scalar_strategy(kind: Any, bounds: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    lows = [b.ge for b in bounds if isinstance(b, Ge)] + [b.gt + 1 for b in bounds if isinstance(b, Gt)]
    highs = [b.le for b in bounds if isinstance(b, Le)]
    if kind is int:
        return st.integers(max([-(2**63), *lows]), min([2**63 - 1, *highs]))
    if kind is float:
        return st.floats(max(lows, default=None), min(highs, default=None), allow_nan=False, allow_infinity=False)
    return {str: TEXT, bool: st.booleans()}[kind]


SPECIAL = {
    geometry.Box: box_strategy(),
    geometry.Polygon: polygon_strategy(),
    geometry.Mask: mask_strategy(),
    geometry.TimeSpan: span_strategy(),
    candidate.Claim: claim_strategy(),
}
TYPES = {
    value
    for module in (candidate, geometry, judgement, media, record, sample, verification)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Frozen) and value is not Frozen
}
STRATEGIES: dict[Any, st.SearchStrategy[Any]] = {
    **{model: st.deferred(lambda model=model: frozen_strategy(model)) for model in TYPES},
    **SPECIAL,
}
for frozen_type, strategy in STRATEGIES.items():
    st.register_type_strategy(frozen_type, strategy)


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy(
        name="tiny",
        version="1",
        levels=(Level(name="pixel"), Level(name="time")),
        categories=(
            Category(name="blur", level="pixel", definition="Out of\n  focus.", aliases=("Blurred", "soft")),
            Category(name="freeze", level="time", definition="Stands still.", modalities=("video",), color="#ABCDEF"),
        ),
    )


@pytest.fixture
def image_record() -> record.Record:
    """A row of a 100 x 50 image with one region, without a defect."""
    return record.Record(
        sample_id="a" * 64,
        asset_id="b" * 64,
        file_name="cat.png",
        byte_size=3,
        media=media.Image(format="PNG", mode="RGB", width=100, height=50, stored_width=100, stored_height=50),
        perceptual_hashes=("c" * 64,),
        group_id="g",
        split="train",
        taxonomy="tiny@1",
        annotation_status="annotated",
        explanation="The ear is soft.",
        claims=(candidate.Claim(start=0, end=16, region_ids=("r1",)),),
        regions=(
            candidate.Region(
                region_id="r1",
                asset_id="b" * 64,
                box=geometry.Box(x1=10, y1=10, x2=30, y2=20),
                category="blur",
                source="machine",
            ),
        ),
    )
