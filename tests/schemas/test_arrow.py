from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.arrow import from_arrow, table_schema, to_arrow
from schemas.base import Frozen
from schemas.candidate import Candidate
from schemas.media.types import Document, Media, Page, Video
from schemas.record import Duplicate, Record, Rejection
from schemas.sample import Item, Sample
from schemas.verification import Verification

TABLES = [Sample, Candidate, Verification, Record, Rejection, Duplicate, Item]
VIDEO = Video(
    format="webm", codec="vp9", width=4, height=2, stored_width=4, stored_height=2, duration_s=0.2, fps=10.0,
    num_frames=2, time_base_num=1, time_base_den=10, frame_pts=(0, 1),
)  # fmt: skip
DOCUMENT = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=612.0, height=792.0),))


class Pair(Frozen):
    """One field of every shape."""

    name: str | None
    """The name."""
    point: tuple[float, float] = (0.0, 0.0)
    """The point,
    in pixels."""
    turns: tuple[int, ...] = ()
    medium: Media | None = None
    """The medium."""


def test_types_become_columns() -> None:
    schema = table_schema(Pair, version=3)

    assert schema.field("name").type == pa.string()
    assert schema.field("point").type == pa.list_(pa.float64())
    assert schema.field("turns").type == pa.list_(pa.int64())
    assert [member.name for member in schema.field("medium").type] == ["image", "video", "document"]
    assert schema.metadata == {b"witnessmark.table": b"pair", b"witnessmark.format_version": b"3"}


def test_a_union_fills_the_member_of_its_kind() -> None:
    (row,) = to_arrow([Pair(name=None, medium=DOCUMENT)], table_schema(Pair)).to_pylist()

    assert row["name"] is None
    assert row["medium"]["image"] is None
    assert row["medium"]["video"] is None
    assert row["medium"]["document"]["num_pages"] == 1
    assert from_arrow(row, Pair) == Pair(name=None, medium=DOCUMENT)


def test_a_union_with_two_members_filled_is_refused() -> None:
    (row,) = to_arrow([Pair(name="x", medium=DOCUMENT)], table_schema(Pair)).to_pylist()
    row["medium"]["video"] = VIDEO.model_dump()

    with pytest.raises(ValidationError, match="medium"):
        from_arrow(row, Pair)


@pytest.mark.parametrize("annotation", [dict[str, int], tuple[int, str], int | str, Any])
def test_what_has_no_fixed_column_type_is_refused(annotation: Any) -> None:
    broken = type("Broken", (Frozen,), {"__annotations__": {"field": annotation}})

    with pytest.raises(TypeError, match="no fixed column type"):
        table_schema(broken)


@pytest.mark.parametrize("model", TABLES)
def test_no_column_type_depends_on_the_data(model: type[Frozen]) -> None:
    types = list(_types(pa.struct(list(table_schema(model)))))

    assert types
    assert not any(pa.types.is_null(t) for t in types)


@pytest.mark.parametrize("model", TABLES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_table_round_trips(model: type[Frozen], data: st.DataObject) -> None:
    instances = data.draw(st.lists(st.from_type(model), max_size=2))
    schema = table_schema(model)

    table = to_arrow(instances, schema)

    assert table.schema.equals(schema, check_metadata=True)
    assert [from_arrow(row, model) for row in table.to_pylist()] == instances


def test_text_that_is_not_unicode_is_written_as_its_escape() -> None:
    rejection = Rejection(item_id="caf\udce9", stage="ingest", error="MediaError", message="plain é")

    (row,) = to_arrow([rejection], table_schema(Rejection)).to_pylist()

    assert (row["item_id"], row["message"]) == ("caf\\udce9", "plain é")


def test_an_integer_that_no_column_holds_is_refused_by_the_type() -> None:
    with pytest.raises(ValidationError, match="less than or equal"):
        Candidate(candidate_id="c", sample_id="s", machine="m", kind="m", seed=2**63)


def _types(kind: pa.DataType) -> list[pa.DataType]:
    below = [kind.field(i).type for i in range(kind.num_fields)]
    return [kind, *(t for child in below for t in _types(child))]
