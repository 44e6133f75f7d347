from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.media.limits import Limits
from schemas.sample import Finding, Generator, Source, StatedReference, TaskInput

FULL = {
    "path": "a.png",
    "origin": "generated",
    "generator": "SDXL",
    "version": "1.0",
    "prompt": "a cat, sitting",
    "negative_prompt": "blurry",
    "seed": "18446744073709551615",
    "steps": "30",
    "guidance_scale": "7.5",
    "scheduler": "Euler a",
    "licence": "CC-BY-4.0",
    "source": "Some set",
    "url": "https://example.org/a",
    "retrieved": "2024-01-31",
    "pair_id": "p1",
    "group_id": "g1",
    "question": "How many?",
    "instruction": "Make it blue",
    "label": "fake",
    "password": "secret",
    "sha256": "ab" * 32,
}


def csv_text(*rows: dict[str, str]) -> str:
    lines = [",".join(rows[0])] + [",".join(f'"{value}"' for value in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def manifest(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_every_column_arrives(tmp_path: Path, read, name: str) -> None:
    text = (
        csv_text(FULL) if name == "m.csv" else as_jsonl({**FULL, "seed": 2**64 - 1, "steps": 30, "guidance_scale": 7.5})
    )
    (item,) = read("manifest", manifest(tmp_path, name, text))
    assert item.error is None
    assert (item.item_id, item.uri, item.file_name) == ("a.png", f"{tmp_path}/a.png", "a.png")
    assert item.generator == Generator(
        name="SDXL",
        version="1.0",
        prompt="a cat, sitting",
        negative_prompt="blurry",
        seed=-1,
        steps=30,
        guidance_scale=7.5,
        scheduler="Euler a",
    )
    assert item.source == Source(
        name="Some set", url="https://example.org/a", licence="CC-BY-4.0", retrieved="2024-01-31"
    )
    assert item.task_input == TaskInput(question="How many?", prompt="Make it blue", label_given="fake")
    assert (item.origin, item.pair_id, item.group_id, item.password) == ("generated", "p1", "g1", "secret")
    assert item.stated_sha256 == "ab" * 32
    assert item.findings == ()


def test_generator_and_source_may_be_objects(tmp_path: Path, read) -> None:
    row = {
        "file_name": "a.png",
        "generator": {"name": "Flux", "seed": 3, "version": None},
        "source": {"name": "S", "license": "MIT"},
    }
    (item,) = read("manifest", manifest(tmp_path, "m.jsonl", as_jsonl(row)))
    assert item.generator == Generator(name="Flux", seed=3)
    assert item.source == Source(name="S", licence="MIT")


def test_columns_can_be_mapped_and_options_fill_what_rows_leave_open(tmp_path: Path, read) -> None:
    text = "IMG,is_fake,licence\na.png,1,\nb.png,0,MIT\n"
    options = {"columns": {"img": "path", "is_fake": "origin"}, "origins": {"1": "generated", "0": "real"}}
    found = read("manifest", manifest(tmp_path, "m.csv", text), licence="CC0-1.0", **options)
    assert [(i.item_id, i.origin, i.source.licence) for i in found] == [
        ("a.png", "generated", "CC0-1.0"),
        ("b.png", "real", "MIT"),
    ]


def test_common_words_for_an_origin_are_understood_and_others_are_kept_as_a_finding(tmp_path: Path, read) -> None:
    words = ["Real", "AI_generated", "ai generated", "tampered", "unknown", "", "adversarial"]
    rows = [{"path": f"{number}.png", "origin": word} for number, word in enumerate(words)]
    found = read("manifest", manifest(tmp_path, "m.jsonl", as_jsonl(*rows)))
    assert [item.origin for item in found] == ["real", "generated", "generated", "edited", "unknown", None, None]
    message = "the stated origin 'adversarial' is none of real, generated, edited and unknown; it is left open"
    assert [item.findings for item in found] == [()] * 6 + [(Finding(code="origin_not_understood", message=message),)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_encodings_by_their_mark(tmp_path: Path, read, name: str, encoding: str) -> None:
    text = csv_text({"path": "日本.png"}) if name == "m.csv" else '{"path": "日本.png"}\n'
    assert [item.item_id for item in read("manifest", manifest(tmp_path, name, text.encode(encoding)))] == ["日本.png"]


def test_a_name_that_is_no_text_finds_its_file(tmp_path: Path, read) -> None:
    (item,) = read("manifest", manifest(tmp_path, "m.csv", b"path,label\ncaf\xe9.png,caf\xe9\n"))
    assert item.uri == f"file+bytes://{tmp_path}/caf%E9.png"
    assert (item.item_id, item.task_input.label_given) == (r"caf\xe9.png", r"caf\xe9")


@pytest.mark.parametrize(
    "stated",
    ["../x.png", "/etc/passwd", "a/../../x.png", "file:///etc/passwd", "gs://b/x.png", "http://h/x.png", "link/x.png"],
)
def test_a_path_that_leaves_the_folder_is_refused_unless_it_is_allowed(tmp_path: Path, read, stated: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    path = manifest(tmp_path / "in", "m.jsonl", as_jsonl({"path": stated}))
    (item,) = read("manifest", path)
    assert item.error == f"m.jsonl, line 1: the path {stated!r} leaves the folder of the file that states it"
    assert item.item_id == "m.jsonl#line=1"
    assert "allow_outside: true" in item.remedy
    (item,) = read("manifest", path, allow_outside=True)
    assert item.error is None


def test_dots_that_stay_inside_percent_signs_and_backslashes_are_names(tmp_path: Path, read) -> None:
    rows = [
        {"path": name}
        for name in ("a/../b.png", "./c.png", "%2e%2e%2fd.png", "C:\\windows\\win.ini", f"{tmp_path}/e.png")
    ]
    found = read("manifest", manifest(tmp_path, "m.jsonl", as_jsonl(*rows)))
    assert [item.uri.removeprefix(f"{tmp_path}/") for item in found] == [
        "b.png",
        "c.png",
        "%2e%2e%2fd.png",
        "C:\\windows\\win.ini",
        "e.png",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"path": "a.png"', "no valid JSON: Expecting ',' delimiter at column 17"),
        ('{"path": "a.png", "path": "b.png"}', "no usable JSON: the key 'path' stands twice in one object"),
        ('["a.png"]', "the line holds a list, not an object"),
        ("null", "the line holds null, not an object"),
        ('{"origin": "real"}', "the row names no file"),
        ('{"path": 5}', "the path is a number, not text"),
        ('{"path": "a\\u0000b.png"}', "the path 'a\\x00b.png' holds a NUL character"),
        ('{"path": "a\\ud800b.png"}', "the path 'a\\\\ud800b.png' holds half of a character pair"),
        ('{"path": "a.png", "file": "b.png"}', "two columns say what the path is: 'a.png' and 'b.png'"),
        ('{"path": "a.png", "seed": "abc"}', "column 'seed' says 'abc', which is no number"),
        ('{"path": "a.png", "seed": 1.5}', "column 'seed' says 1.5, which is no whole number"),
        (
            '{"path": "a.png", "seed": 18446744073709551616}',
            "column 'seed' says 1.845e+19, which does not fit into 64 bits",
        ),
        ('{"path": "a.png", "steps": true}', "column 'steps' says True, which is no number"),
        ('{"path": "a.png", "guidance_scale": [7]}', "column 'guidance_scale' says [7], which is no number"),
        ('{"path": "a.png", "guidance_scale": "nan"}', "column 'guidance_scale' says 'nan', which is no number"),
        ('{"path": "a.png", "licence": ["MIT"]}', "column 'licence' holds a list, not text"),
        ('{"path": "a.png", "prompt": "' + "x" * 70_000 + '"}', "column 'prompt' is longer than 65536 bytes"),
        ("[" * 50_000, "no usable JSON: it is nested too deeply"),
        ('{"path": "a.png", "x": NaN}', "no valid JSON: NaN is no JSON number"),
        ('{"path": "' + "x" * 2**20 + '"}', "the line is longer than 1048576 characters"),
    ],
)
def test_a_broken_line_is_an_item_with_its_number_and_the_next_one_still_comes(
    tmp_path: Path, read, line: str, reason: str
) -> None:
    text = f'{{"path": "before.png"}}\n\n{line}\n{{"path": "after.png"}}'
    before, broken, after = read("manifest", manifest(tmp_path, "m.jsonl", text))
    assert (before.item_id, broken.item_id, after.item_id) == ("before.png", "m.jsonl#line=3", "after.png")
    assert broken.error == f"m.jsonl, line 3: {reason}"
    assert broken.remedy
    assert before.error is None
    assert after.error is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png", "1 values for 2 columns"),
        ("a.png,real,x", "3 values for 2 columns"),
        ('"a"b.png,real', "no valid CSV: ',' expected after '\"'"),
        (",real", "the row names no file"),
        (",", "the row names no file"),
        (",,,", "4 values for 2 columns"),
        ("x" * 2**20 + ",real", "the line is longer than 1048576 characters"),
        ("x" * 140_000 + ",real", "no valid CSV: field larger than field limit (131072)"),
    ],
)
def test_a_broken_csv_row_is_an_item_with_its_line(tmp_path: Path, read, row: str, reason: str) -> None:
    text = f"path,origin\nbefore.png,real\n{row}\nafter.png,real\n"
    before, broken, after = read("manifest", manifest(tmp_path, "m.csv", text))
    assert (before.item_id, broken.item_id, after.item_id) == ("before.png", "m.csv#line=3", "after.png")
    assert broken.error == f"m.csv, line 3: {reason}"


def test_only_lines_without_anything_are_no_rows(tmp_path: Path, read) -> None:
    found = read("manifest", manifest(tmp_path, "m.csv", 'path\na.png\n\n""\n\n'))
    assert [(item.item_id, item.error) for item in found] == [
        ("a.png", None),
        ("m.csv#line=4", "m.csv, line 4: the row names no file"),
    ]


def test_a_quote_that_never_closes_says_how_far_it_reaches(tmp_path: Path, read) -> None:
    found = read("manifest", manifest(tmp_path, "m.csv", 'path\na.png\n"b.png\nc.png\n'))
    assert [item.item_id for item in found] == ["a.png", "m.csv#line=3"]
    assert found[1].error == "m.csv, line 3: no valid CSV: unexpected end of data (up to line 4)"


def test_formulas_and_line_breaks_in_values_are_just_names(tmp_path: Path, read) -> None:
    text = 'path,label\n"=cmd|\' /C calc\'!A0",real\n"line\nbreak.png",real\nsame.png,1\nsame.png,2\n'
    found = read("manifest", manifest(tmp_path, "m.csv", text))
    assert [item.item_id for item in found] == ["=cmd|' /C calc'!A0", "line\nbreak.png", "same.png", "same.png#2"]
    assert not [item for item in found if item.error]


@pytest.mark.parametrize(("name", "delimiter"), [("m.csv", ","), ("m.csv", ";"), ("m.tsv", "\t")])
def test_the_delimiter_is_found(tmp_path: Path, read, name: str, delimiter: str) -> None:
    text = f"path{delimiter}origin{delimiter}label\r\na,;b.png{delimiter}real{delimiter}x\r\n".replace(",;", "_")
    (item,) = read("manifest", manifest(tmp_path, name, text))
    assert (item.item_id, item.origin, item.task_input.label_given) == ("a_b.png", "real", "x")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "m.csv, line 1: the first line names no columns: it is empty"),
        ("path,path\na,b\n", "m.csv, line 1: the first line names no columns: the column 'path' stands twice"),
    ],
)
def test_a_csv_without_columns_is_one_item_with_an_error(tmp_path: Path, read, content: str, reason: str) -> None:
    (item,) = read("manifest", manifest(tmp_path, "m.csv", content))
    assert item.error == reason


def test_several_manifests_and_globs_are_told_apart(tmp_path: Path, read) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        manifest(tmp_path, name, '{"path": "x.png"}\n{}\n')
    ids = ["a.jsonl/x.png", "a.jsonl#line=2", "b.jsonl/x.png", "b.jsonl#line=2"]
    assert [item.item_id for item in read("manifest", tmp_path / "a.jsonl", tmp_path / "b.jsonl")] == ids
    assert [item.item_id for item in read("manifest", tmp_path / "*.jsonl")] == ids


def test_a_manifest_that_is_no_file_is_an_item_with_an_error(tmp_path: Path, read) -> None:
    os.mkfifo(tmp_path / "m.csv")
    (item,) = read("manifest", tmp_path / "m.csv")
    assert item.error == "m.csv, line 0: cannot be read: a named pipe"


def test_limits_of_the_recipe_hold_for_texts(tmp_path: Path, read) -> None:
    path = manifest(tmp_path, "m.jsonl", as_jsonl({"path": "a.png", "prompt": "éé"}))
    (item,) = read("manifest", path, limits=Limits(max_text_bytes=3))
    assert item.error == "m.jsonl, line 1: column 'prompt' is longer than 3 bytes"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), name=st.sampled_from(["m.csv", "m.jsonl"]))
def test_no_bytes_crash_it_and_ids_stay_unique(tmp_path: Path, read, data: bytes, name: str) -> None:
    found = read("manifest", manifest(tmp_path, name, data))
    assert len({item.item_id for item in found}) == len(found)
    assert all(item.model_dump_json() for item in found)


PAIRED = {"reference": "Original"}


@pytest.mark.parametrize("nothing", ["", " ", "\t \u00a0"])
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_a_column_may_name_a_second_image(tmp_path: Path, read, name: str, nothing: str) -> None:
    rows = [{"path": "a.png", "original": "before/a.jpg", "origin": "edited"}, {"path": "b.png", "original": nothing}]
    rows[1]["origin"] = "real"
    text = csv_text(*rows) if name == "m.csv" else as_jsonl(*rows)
    first, second = read("manifest", manifest(tmp_path, name, text), **PAIRED, reference_role="target")
    assert first.reference == StatedReference(uri=f"{tmp_path}/before/a.jpg", file_name="a.jpg", role="target")
    assert (first.uri, first.origin, first.pair_id) == (f"{tmp_path}/a.png", "edited", None)
    assert (second.reference, second.origin) == (None, "real")


def test_without_the_option_the_column_is_left_alone(tmp_path: Path, read) -> None:
    (item,) = read("manifest", manifest(tmp_path, "m.csv", "path,original,reference\na.png,b.png,c.png\n"))
    assert (item.reference, item.error) == (None, None)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"path": "a.png"}, "the row has no column 'Original', which 'reference' names"),
        ({"path": "a.png", "original": "../b.png"}, "the path '../b.png' leaves the folder"),
        ({"path": "a.png", "original": 7}, "the column 'Original' holds a number, not a path"),
        ({"original": "b.png"}, "the row names no file"),
    ],
)
def test_a_second_image_that_is_not_named_right_is_an_error_of_its_row(
    tmp_path: Path, read, row: dict[str, Any], words: str
) -> None:
    (item,) = read("manifest", manifest(tmp_path, "m.jsonl", as_jsonl(row)), **PAIRED)
    assert item.error is not None
    assert item.error.startswith(f"m.jsonl, line 1: {words}")


@pytest.mark.parametrize(
    ("ours", "way"),
    [
        ("orign", ""),
        ("reference", ": name the column of second images in 'reference'"),
    ],
)
def test_a_column_that_means_nothing_of_ours_is_refused_before_anything_is_read(read, ours: str, way: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read("manifest", "unread.csv", columns={"kind": ours})
    assert refused.value.message == f"sources.0: columns: 'kind' is to mean {ours!r}, which is no column of ours{way}"
