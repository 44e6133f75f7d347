"""A part's files: what they hold, and that what is there is not made again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from pipeline.gallery.parts import Medium, Options, call, write_part
from pipeline.gallery.rows import facets_of, layers_of, row_of
from schemas.candidate import Region
from schemas.media.limits import DEFAULT_LIMITS
from schemas.record import Record

from .conftest import Sources

Make = Callable[..., Record]


def arguments_of(path: Path) -> list[Any]:
    """What a script hands over."""
    text = path.read_text("ascii")
    assert text.startswith("gallery.")
    assert text.endswith(");\n")
    return json.loads(f"[{text.partition('(')[2][:-3]}]")


def test_a_call_is_json_that_ends_no_script() -> None:
    said = call("rows", "</script><b>", "\u2028", 'a"b')

    assert said == b'gallery.rows("<\\/script><b>","\\u2028","a\\"b");\n'


def test_sheets_hold_64_tiles_and_scripts_know_their_rows(
    tmp_path: Path, record: Make, write: Callable[..., str], sources: Sources
) -> None:
    records = [record(i) for i in range(66)]
    write(str(tmp_path), records)
    folder = tmp_path / "parts" / "p0"

    first, second = (arguments_of(folder / f"rows-0000{n}.js") for n in (0, 1))
    with Picture.open(folder / f"{first[2]}.webp") as whole, Picture.open(folder / f"{second[2]}.webp") as rest:
        colors = np.asarray(whole.convert("RGB"))
        assert (whole.size, rest.size) == ((8 * 192, 8 * 192), (2 * 192, 192))

    assert (first[:2], len(first[3])) == (["p0", 0], 64)
    assert (second[:2], len(second[3])) == (["p0", 1], 2)
    assert [row["name"] for row in second[3]] == ["picture 64.png", "picture 65.png"]
    assert first[3][9]["tile"] == [120, 80]
    with Picture.open(io.BytesIO(sources[records[9].sample_id])) as original:
        wanted = np.asarray(original)[0, 0].astype(int)
    assert abs(colors[192 + 40, 192 + 60] - wanted).max() < 12
    with Picture.open(folder / first[3][9]["views"][0]["file"]) as view:
        assert abs(np.asarray(view.convert("RGB"))[40, 60] - wanted).max() < 12


def test_columns_hold_every_row(tmp_path: Path, record: Make, write: Callable[..., str]) -> None:
    records = [record(0, origin="real"), record(1, origin="edited"), record(2, origin="real")]
    write(str(tmp_path), records)

    name, ids, facets = arguments_of(tmp_path / "parts" / "p0" / "columns.js")

    assert name == "p0"
    assert ids == "".join(one.sample_id[:12] for one in records)
    assert {"name": "origin", "sets": [["real"], ["edited"]], "codes": [0, 1, 0]} in facets


@pytest.mark.slow
def test_texts_come_a_thousand_at_a_time(tmp_path: Path, record: Make, region: Callable[..., Region]) -> None:
    rows = (_row(record(0, file_name=f"{i}.png", explanation="Soft")) for i in range(1025))
    num_rows = write_part(str(tmp_path), "p", rows, _endless(record(0)), _options(0))

    assert num_rows == 1025
    assert [len(arguments_of(tmp_path / f"text-0000{n}.js")[2]) for n in (0, 1)] == [1024, 1]
    assert arguments_of(tmp_path / "text-00001.js") == ["p", 1, ["1024.png\nsoft"]]


def _row(one: Record) -> Any:
    return row_of(one, layers_of(one, None), {}, facets_of(one))


def _endless(one: Record) -> Iterator[Medium]:
    from .conftest import png

    while True:
        yield one.sample_id, png(0)


def _options(side: int) -> Options:
    return Options(side=side, limits=DEFAULT_LIMITS)


def media_of(records: list[Record], sources: Sources, opened: list[str]) -> Iterator[Medium]:
    for one in records:
        opened.append(one.sample_id)
        yield one.sample_id, sources[one.sample_id]


def states(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every picture: a file that is written again gets another inode."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.glob("*.webp")}


def test_pictures_that_are_there_are_not_made_again(tmp_path: Path, record: Make, sources: Sources) -> None:
    records = [record(i) for i in range(3)]
    write_part(str(tmp_path), "p", map(_row, records), media_of(records, sources, []), _options(160))
    before, opened = states(tmp_path), []

    reworded = [one.evolve(explanation="Something else") for one in records]
    write_part(str(tmp_path), "p", map(_row, reworded), media_of(records, sources, opened), _options(160))

    assert opened == []
    assert states(tmp_path) == before
    (row, *_) = arguments_of(tmp_path / "rows-00000.js")[3]
    assert row["explanation"] == [["Something else", [], False]]
    assert row["tile"] == [120, 80]


def test_a_new_row_makes_its_sheet_and_its_view_and_leaves_the_rest(
    tmp_path: Path, record: Make, sources: Sources
) -> None:
    records = [record(i) for i in range(65)]
    write_part(str(tmp_path), "p", map(_row, records), media_of(records, sources, []), _options(160))
    before = states(tmp_path)

    more = [*records, record(65)]
    write_part(str(tmp_path), "p", map(_row, more), media_of(more, sources, []), _options(160))

    after = states(tmp_path)
    gone, kept = before.keys() - after.keys(), before.keys() & after.keys()
    assert [name.partition("-")[0] for name in gone] == ["sheet"]
    assert sum(name.startswith("sheet") for name in kept) == 1
    assert {name: before[name] for name in kept if name.startswith("sheet")}.items() <= after.items()
    assert len(after) == len(before) + 1


def test_what_cannot_be_drawn_says_why_and_is_not_tried_again(tmp_path: Path, record: Make, sources: Sources) -> None:
    records = [record(0), record(1)]
    sources[records[0].sample_id] = b"no picture"
    write_part(str(tmp_path), "p", map(_row, records), media_of(records, sources, []), _options(160))
    opened: list[str] = []
    write_part(str(tmp_path), "p", map(_row, records), media_of(records, sources, opened), _options(160))

    broken, whole = arguments_of(tmp_path / "rows-00000.js")[3]
    assert "tile" not in broken
    assert broken["problem"]
    assert whole["tile"] == [120, 80]
    assert opened == []


def test_equal_rows_give_equal_files(tmp_path: Path, record: Make, sources: Sources) -> None:
    records = [record(i) for i in range(3)]
    for name in ("one", "other"):
        media = media_of(records, sources, [])
        write_part(str(tmp_path / name), "p", map(_row, records), media, _options(160))

    assert len(_bytes(tmp_path / "one")) == 8  # a sheet and its sizes, 3 views, rows, text, columns
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "other")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("side", [0, 160])
def test_larger_pictures_are_there_only_where_they_are_wanted(
    tmp_path: Path, record: Make, write: Callable[..., str], side: int
) -> None:
    write(str(tmp_path), [record(0)], side=side)

    (row,) = arguments_of(tmp_path / "parts" / "p0" / "rows-00000.js")[3]

    assert ("file" in row["views"][0]) == bool(side)
    assert row["tile"] == [120, 80]
    assert len(list((tmp_path / "parts" / "p0").glob("view-*"))) == bool(side)
