"""The page shows everything, needs nothing, and nothing in the data can script it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from pipeline.report import (
    EvaluationRow,
    GalleryEntry,
    MachineSpend,
    ReportFacts,
    Thumbnail,
    render_report,
    write_report,
)
from pipeline.shortcuts import Shortcut
from pipeline.storage import Spend, StageCounts
from pipeline.tally import Tally, group_rejections
from pipeline.thumbnails import ENTRY_BYTES
from pipeline.unit_costs import unit_costs
from schemas.candidate import Answer, Region, Usage
from schemas.geometry import Box, TimeSpan
from schemas.media.types import Document, Image, Page, Video
from schemas.payment import Payment
from schemas.record import Lineage, Record, Rejection
from schemas.sample import Finding, Generator, OriginStatement, Source, TaskInput
from schemas.taxonomy import Category, Level, Taxonomy

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title></textarea><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "javascript:alert(1)",
    "name\u202egpj.exe",
    "half \ud800 a pair",
    "nul \x00 and bell \x07",
    "W" * 3000,
)
FORBIDDEN = {"script", "iframe", "object", "embed", "img", "base", "link", "foreignobject", "animate", "set", "use"}

TAXONOMY = Taxonomy(
    name="artifacts",
    version="1",
    levels=(Level(name="low"),),
    categories=(
        Category(name="blur", level="low", definition="Soft.", color="#101010"),
        Category(name="copy_move", level="low", definition="Twice."),
    ),
)


class Parsed(HTMLParser):
    """Tags with their attributes, the text, and what a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def webp(side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Pictures.new("RGB", (side, side), "red").save(buffer, "WEBP")
    return buffer.getvalue()


def record(**changes: Any) -> Record:
    image = Image(format="PNG", mode="RGB", width=100, height=50, stored_width=100, stored_height=50)
    plain: dict[str, Any] = {
        "sample_id": "s", "asset_id": "a" * 64, "file_name": "cat.png", "byte_size": 2048, "media": image,
        "group_id": "g", "split": "train", "taxonomy": TAXONOMY.id, "annotation_status": "annotated",
    }  # fmt: skip
    return Record(**{**plain, **changes})


def region(category: str = "blur", **where: Any) -> Region:
    box = {} if where else {"box": Box(x1=10, y1=10, x2=30, y2=40)}
    return Region(region_id="r", category=category, source="machine", **box, **where)


def entry(row: Record, **where: Any) -> GalleryEntry:
    return GalleryEntry(record=row, thumbnails=(Thumbnail(data=webp(), width=100, height=50, **where),))


def shortcut(**changes: Any) -> Shortcut:
    plain: dict[str, Any] = {
        "config": "images", "feature": "format", "rank": 1, "real": 40, "generated": 40, "groups": 80,
        "balanced_accuracy": 0.5, "low": 0.4, "high": 0.6, "auc": 0.5, "finding": "none", "values": "JPEG",
    }  # fmt: skip
    return Shortcut(**{**plain, **changes})


def facts(*entries: GalleryEntry, **changes: Any) -> ReportFacts:
    tally = Tally()
    for one in entries:
        tally.add(one.record)
    plain = {"title": "demo", "recipe": "planted", "taxonomy": TAXONOMY, "counts": tally.counts, "gallery": entries}
    return ReportFacts(**{**plain, **changes})


def hostile_facts(evil: str) -> ReportFacts:
    """Every field that a file, a person or a model can fill, filled with the same words."""
    bad_region = region(evil, span=TimeSpan(start_s=0, end_s=1)).evolve(explanation=evil)
    video = Video(
        format=evil, codec=evil, width=100, height=50, stored_width=100, stored_height=50, duration_s=2, fps=1,
        num_frames=2, time_base_num=1, time_base_den=1, frame_pts=(0, 1),
    )  # fmt: skip
    row = record(
        media=video, file_name=evil, asset_id=evil, split=evil, explanation=evil, verdict="edited", review="reviewed",
        regions=(bad_region,), ground_truth=(region(evil),), task_input=TaskInput(question=evil),
        answers=(Answer(question=evil, answer=evil),), findings=(Finding(code=evil, message=evil),),
        generator=Generator(name=evil, version=evil, prompt=evil),
        source=Source(name=evil, url=evil, licence=evil),
        origin_statements=(OriginStatement(said_by="xmp", origin="edited", detail=evil),),
        lineage=(Lineage(candidate_id=evil, machine=evil, kind=evil, model=evil),),
    )  # fmt: skip
    rejection = Rejection(item_id=evil, stage="propose", machine=evil, error=evil, message=evil, remedy=evil)
    return facts(
        entry(row, frame_index=0, pts_s=0.0),
        title=evil, recipe=evil, task=evil, made_at=evil, dataset=evil, stages={evil: StageCounts(found=1, kept=1)},
        machines=(MachineSpend(name=evil, kind=evil, model=evil),), rejections=group_rejections([rejection]),
        evaluation=(EvaluationRow(machine=evil, category=evil, known=1, found=1),), evaluation_note=evil,
        versions={evil: evil}, shortcuts=(shortcut(values=evil),),
    )  # fmt: skip


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_in_the_data_becomes_markup(evil: str) -> None:
    page = Parsed(render_report(hostile_facts(evil)))
    harmless = Parsed(render_report(hostile_facts("word")))
    shape = [(tag, sorted(attributes)) for tag, attributes in page.tags if tag != "a"]
    assert shape == [(tag, sorted(attributes)) for tag, attributes in harmless.tags if tag != "a"]


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_no_tag_can_run_anything(evil: str) -> None:
    for tag, attributes in Parsed(render_report(hostile_facts(evil))).tags:
        assert tag not in FORBIDDEN
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc", "action")]
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "data:image/").startswith(("data:image/", "https://"))


def test_hostile_words_are_shown_as_they_are() -> None:
    text = Parsed(render_report(hostile_facts("<script>alert(1)</script>"))).text
    assert "<script>alert(1)</script>" in text
    assert "{{ 7 * 7 }}{% include '/etc/passwd' %}" in Parsed(render_report(hostile_facts(HOSTILE[4]))).text
    assert "photo⟨U+202E⟩gpj.exe" in Parsed(render_report(facts(title="photo\u202egpj.exe"))).text


def test_what_cannot_be_encoded_is_named(tmp_path: Path) -> None:
    write_report(hostile_facts("half \ud800 a pair \x00"), tmp_path / "report.html")
    assert "half ⟨U+D800⟩ a pair ⟨U+0000⟩" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("url", "is_link"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("http://example.org/", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,<script>alert(1)</script>", False),
        ("https://trusted.org@evil.org/", False),
        ("https://exam\u202eple.org/", False),
        ("//evil.org/", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_web_addresses_become_links(url: str, *, is_link: bool) -> None:
    page = Parsed(render_report(facts(entry(record(source=Source(url=url))))))
    assert [a["href"] for tag, a in page.tags if tag == "a"] == ([url] if is_link else [])


def test_the_policy_allows_this_style_sheet_and_inner_pictures_only() -> None:
    html = render_report(facts(entry(record())))
    (style,) = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    metas = [a for tag, a in Parsed(html).tags if tag == "meta"]
    assert {"http-equiv": "Content-Security-Policy", "content": policy} in metas
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_fetches_nothing() -> None:
    page = Parsed(render_report(facts(entry(record()))))
    assert not [tag for tag, _ in page.tags if tag in FORBIDDEN]
    (picture,) = (a["href"] or "" for tag, a in page.tags if tag == "image")
    assert base64.b64decode(picture.removeprefix("data:image/webp;base64,")) == webp()


def test_a_thumbnail_that_is_no_picture_is_refused() -> None:
    bad = GalleryEntry(record=record(), thumbnails=(Thumbnail(data=b"<svg onload=alert(1)>", width=1, height=1),))
    with pytest.raises(ValueError, match="must be JPEG, PNG or WebP"):
        render_report(facts(bad))


def test_every_table_scrolls_by_itself_on_a_phone() -> None:
    page = render_report(hostile_facts("words"))
    before_tables = [text.rstrip() for text in re.split("<table[^>]*>", page)[:-1]]
    assert len(before_tables) == 7
    assert [
        text[-80:] for text in before_tables if not re.search(r'<div class="[^"]*\bscroll">(<h3>[^<]*</h3>)?$', text)
    ] == []


def test_the_counts_are_shown_as_sums_with_bars_that_add_up() -> None:
    stage = StageCounts(found=200, kept=150, duplicate=30, rejected=20)
    page = Parsed(render_report(facts(stages={"ingest": stage})))
    assert "200 found = 150 kept + 30 duplicate + 20 rejected" in page.text
    bars = [a for tag, a in page.tags if tag == "rect" and (a.get("class") or "").startswith("fill-")]
    assert [(bar["class"], bar.get("x"), bar["width"]) for bar in bars] == [
        ("fill-kept", "0.000%", "75.000%"),
        ("fill-duplicate", "75.000%", "15.000%"),
        ("fill-rejected", "90.000%", "10.000%"),
    ]
    assert "does not add up" not in page.text


def test_a_sum_that_is_broken_is_said_loudly() -> None:
    page = Parsed(render_report(facts(stages={"ingest": StageCounts(found=5, kept=3)})))
    assert "5 found = 3 kept + 0 duplicate + 0 rejected ✗ does not add up" in page.text


def test_spend_and_machines_are_shown() -> None:
    spend = Spend(calls=12, cached=3, input_tokens=4000, output_tokens=500, usd=1.5, unpriced_calls=2)
    machine = MachineSpend(name="gpt", kind="vlm", model="m-1", candidates=9, failed=1, calls=12, cached=3, usd=0.0042)
    text = Parsed(render_report(facts(spend=spend, machines=(machine,)))).text
    assert "$1.50 spent 12 paid calls, 3 from disk; 2 without a known price" in text.replace(
        "$1.50spent", "$1.50 spent"
    ).replace("spent12", "spent 12")
    assert "4,500" in text
    assert "$0.0042" in text


def test_what_no_call_had_a_price_for_was_not_free() -> None:
    spend = Spend(calls=12, input_tokens=4000, output_tokens=500, unpriced_calls=12)
    text = Parsed(render_report(facts(spend=spend))).text.replace(" ", "")
    assert "unknownspent12paidcalls,0fromdisk;12withoutaknownprice" in text


def test_what_the_money_bought_is_shown_to_a_millionth() -> None:
    usage = Usage(input_tokens=10, usd=0.00003)
    paid = [Payment(answer_key=f"{i}", machine="gpt", model="m-1", sample_id="s", usage=usage) for i in range(2)]
    machine = MachineSpend(name="gpt", kind="vlm", model="m-1")
    bought = unit_costs(paid, accepted_regions=0)
    text = Parsed(render_report(facts(machines=(machine,), unit_costs=bought))).text
    assert "answer2$0.000060$0.000030" in text
    assert "accepted region0$0.000060\u2013" in text


def test_rejections_are_grouped_with_what_to_do() -> None:
    found = [
        Rejection(
            item_id=f"in/{i}.tif", stage="ingest", error="MediaError", message=f"in/{i}.tif: {i} MP", remedy="less"
        )
        for i in range(10, 17)
    ]
    text = Parsed(render_report(facts(rejections=group_rejections(found)))).text
    assert re.search(r"7\s*… MP\s*ingest · MediaError\s*What to do: less", text)
    assert "in/14.tif: 14 MP" in text
    assert "in/15.tif" not in text


def test_every_section_of_a_full_entry_is_there() -> None:
    row = record(
        verdict="edited", explanation="Soft rim.", regions=(region(), region("copy_move").evolve(score=0.5)),
        ground_truth=(region(),), source=Source(name="scikit-image", licence="CC0-1.0"),
    )  # fmt: skip
    html = render_report(facts(entry(row)))
    text = Parsed(html).text
    for words in (
        "cat.png",
        "PNG · 100 × 50",
        "2.0 kB",
        "verdict: edited",
        "Soft rim.",
        "copy move",
        "0.50",
        "CC0-1.0",
    ):
        assert words in text
    assert html.count('<path class="halo" d="M100 100L300 100L300 400L100 400Z"/>') == 3
    assert 'class="mark truth"' in html


def test_categories_keep_their_colors_and_readable_ink() -> None:
    html = render_report(facts(entry(record(regions=(region(), region("unheard-of"))))))
    assert ".k0 { --k: #101010; --on: #ffffff; }" in html
    assert re.search(r"\.k1 \{ --k: #[0-9a-f]{6}; --on: #101216; \}", html)
    assert 'class="mark kx"' in html


def test_colors_do_not_run_out() -> None:
    many = tuple(Category(name=f"c{i}", level="low", definition="x") for i in range(60))
    html = render_report(facts(taxonomy=TAXONOMY.evolve(categories=many)))
    assert len(set(re.findall(r"--k: (#[0-9a-f]{6});", html))) == 61


def test_documents_and_videos_without_pictures_still_have_their_card() -> None:
    document = Document(format="PDF", num_pages=2, pages=(Page(page_index=0, width=10, height=10),) * 2)
    text = Parsed(render_report(facts(GalleryEntry(record=record(media=document))))).text
    assert "no picture of this document" in text
    assert "PDF · 2 pages" in text


def test_an_empty_run_has_a_page() -> None:
    assert "0 published rows" in Parsed(render_report(facts())).text.replace("0published", "0 published")


def test_the_evaluation_says_what_was_found() -> None:
    rows = (
        EvaluationRow(machine="forensic", category="blur", known=8, found=6, proposed=20, pixel_iou=0.414),
        EvaluationRow(machine="forensic", category="copy_move", known=0, found=0),
    )
    text = Parsed(render_report(facts(evaluation=rows))).text.replace("\u2009", " ")
    assert "blur8675 %2030 %0.41–" in text
    assert "copy move00–––––" in text


def test_forty_eight_entries_stay_below_three_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 320, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pictures.fromarray(noise).save(buffer, "WEBP", quality=20)
    data = buffer.getvalue()[:ENTRY_BYTES]
    row = record(explanation="x" * 5000, regions=tuple(region().evolve(explanation="y" * 5000) for _ in range(60)))
    entries = [GalleryEntry(record=row, thumbnails=(Thumbnail(data=data, width=320, height=480),))] * 48
    assert len(render_report(facts(*entries)).encode()) < 3_000_000
