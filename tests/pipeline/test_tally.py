"""Counts of rows, reasons of rejections, and which rows are shown."""

from __future__ import annotations

from typing import Any

from pipeline.tally import Count, SourceCount, Tally, choose_gallery, group_rejections
from schemas.candidate import Region
from schemas.geometry import Box
from schemas.media.types import Document, Image, Media, Page
from schemas.record import Record, Rejection
from schemas.sample import Finding, Source

REGION = Region(region_id="r", box=Box(x1=0, y1=0, x2=1, y2=1), category="blur", source="machine")
PAGE = Document(format="PDF", num_pages=1, pages=(Page(page_index=0, width=9, height=9),))


def image(width: int = 1000, height: int = 1000) -> Image:
    return Image(format="PNG", mode="RGB", width=width, height=height, stored_width=width, stored_height=height)


def record(sample_id: str = "s", media: Media | None = None, **changes: Any) -> Record:
    plain: dict[str, Any] = {
        "sample_id": sample_id, "asset_id": "a", "file_name": f"{sample_id}.png", "byte_size": 1,
        "media": media or image(), "group_id": "g", "split": "train", "taxonomy": "t@1",
        "annotation_status": "annotated",
    }  # fmt: skip
    return Record(**{**plain, **changes})


def rejection(item: str, message: str, **changes: Any) -> Rejection:
    plain = {"item_id": item, "stage": "ingest", "error": "MediaError", "message": message}
    return Rejection(**{**plain, **changes})


def counted(*records: Record) -> Any:
    tally = Tally()
    for one in records:
        tally.add(one)
    return tally.counts


def pairs(counts: tuple[Count, ...]) -> list[tuple[str, int]]:
    return [(count.name, count.count) for count in counts]


def test_every_column_adds_up_to_the_rows() -> None:
    counts = counted(
        record(origin="real", regions=(REGION, REGION), source=Source(name="a", licence="CC0-1.0")),
        record(origin="real", split="test", verdict="edited"),
        record(media=PAGE, annotation_status="not_annotated"),
    )
    assert (counts.rows, counts.regions) == (3, 2)
    assert pairs(counts.modalities) == [("image", 2), ("document", 1)]
    assert pairs(counts.origins) == [("real", 2), ("unknown", 1)]
    assert pairs(counts.verdicts) == [("none", 2), ("edited", 1)]
    assert pairs(counts.annotation_status) == [("annotated", 2), ("not_annotated", 1)]
    assert pairs(counts.review) == [("not_routed", 3)]
    assert pairs(counts.categories) == [("blur", 2)]
    assert counts.sources == (SourceCount(count=2), SourceCount(name="a", licence="CC0-1.0", count=1))
    assert [(split, pairs(cells)) for split, cells in counts.modalities_by_split] == [
        ("train", [("document", 1), ("image", 1)]),
        ("test", [("image", 1)]),
    ]


def test_nothing_counted_is_nothing() -> None:
    assert counted().rows == 0
    assert counted().megapixels == ()


def test_sizes_are_ordered_and_gaps_are_kept() -> None:
    counts = counted(record(media=image(10, 10)), record(media=image(500, 500)), record(media=image(8000, 8000)))
    assert pairs(counts.megapixels) == [
        ("below 0.01 MP", 1), ("0.01 to 0.1 MP", 0), ("0.1 to 0.25 MP", 0), ("0.25 to 0.5 MP", 1), ("0.5 to 1 MP", 0),
        ("1 to 2 MP", 0), ("2 to 4 MP", 0), ("4 to 8 MP", 0), ("8 to 16 MP", 0), ("16 to 32 MP", 0),
        ("32 MP and more", 1),
    ]  # fmt: skip


def test_findings_keep_a_few_examples() -> None:
    counts = counted(*(record(str(i), findings=(Finding(code="odd", message=f"m{i}"),)) for i in range(9)))
    (group,) = counts.findings
    assert (group.code, group.count) == ("odd", 9)
    assert group.examples == tuple((f"{i}.png", f"m{i}") for i in range(5))


def test_rejections_of_one_reason_are_one_group() -> None:
    found = [rejection(f"in/{i}.tif", f"in/{i}.tif: {i} megapixels are too many") for i in range(100, 110)]
    (group,) = group_rejections(found)
    assert (group.reason, group.count) == ("… megapixels are too many", 10)
    assert group.examples == tuple(found[:5])


def test_a_number_that_all_share_is_kept() -> None:
    (group,) = group_rejections([rejection(f"{i}.jpg", "it ends after 8,192 bytes") for i in range(3)])
    assert group.reason == "it ends after 8,192 bytes"


def test_stage_machine_error_and_fate_keep_groups_apart() -> None:
    found = [
        rejection("a", "same"),
        rejection("b", "same", stage="propose", machine="m1", error="AnswerError"),
        rejection("c", "same", stage="propose", machine="m2", error="AnswerError", is_final=False),
        rejection("d", "same", stage="propose", machine="m1", error="AnswerError"),
    ]
    groups = group_rejections(found)
    assert [(group.first.item_id, group.count) for group in groups] == [("b", 2), ("a", 1), ("c", 1)]


def test_quotes_hashes_and_bare_names_do_not_split_groups() -> None:
    found = [
        rejection("x/cat.png", "cannot read 'chunk A' of cat.png at 0123456789abcdef"),
        rejection("x/dog.png", "cannot read 'chunk B' of dog.png at fedcba9876543210"),
    ]
    (group,) = group_rejections(found)
    assert group.reason == "cannot read … of … at"


def test_an_apostrophe_is_no_quote() -> None:
    (group,) = group_rejections([rejection("a", "the model's answer is no use: 'page' is null")])
    assert group.reason == "the model's answer is no use: … is null"


def test_a_long_number_is_no_hash() -> None:
    found = [rejection(f"{i}.png", f"{i} pixels, more than 100") for i in (900_000_000, 4_611_686_014_132_420_609)]
    (group,) = group_rejections(found)
    assert group.reason == "… pixels, more than …"
    (alone,) = group_rejections(found[1:])
    assert alone.reason == "4611686014132420609 pixels, more than 100"


def test_a_name_is_not_looked_for_inside_of_words() -> None:
    (group,) = group_rejections([rejection("e", "the end of e is missing")])
    assert group.reason == "the end of … is missing"


def test_a_message_that_is_only_a_name_falls_back_to_the_error() -> None:
    (group,) = group_rejections([rejection("a.png", "a.png")])
    assert group.reason == "MediaError"


def test_the_gallery_shows_every_kind_of_row() -> None:
    rows = [record(f"i{i}", regions=(REGION,)) for i in range(500)]
    rows += [record(f"n{i}") for i in range(500)] + [record("d", PAGE)]
    chosen = choose_gallery(rows, 10)
    assert len(chosen) == 10
    kinds = [(row.media.kind, bool(row.regions)) for row in chosen]
    assert kinds[:3] == [("image", True), ("image", False), ("document", False)]
    assert kinds.count(("document", False)) == 1


def test_the_gallery_does_not_depend_on_the_order_of_rows() -> None:
    rows = [record(f"i{i}") for i in range(200)]
    assert choose_gallery(rows, 7) == choose_gallery(reversed(rows), 7)


def test_a_small_gallery_shows_all() -> None:
    rows = [record("a"), record("b")]
    assert {row.sample_id for row in choose_gallery(rows, 48)} == {"a", "b"}
    assert choose_gallery([], 48) == ()
