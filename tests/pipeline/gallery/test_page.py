"""The page in a real browser, opened from a folder: it shows the rows, finds them, and nothing in them acts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.candidate import Answer, Claim, Region
from schemas.media.types import Image
from schemas.record import Record, Reference
from schemas.sample import Generator, Source
from schemas.taxonomy import Taxonomy

from .conftest import Sources

pytestmark = pytest.mark.slow

Make = Callable[..., Record]
Show = Callable[..., Any]
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</script><script>document.title='owned'</script>",
    "javascript:document.title='owned'",
    "');document.title='owned';//",
    "url(x);}</style><svg/onload=document.title='owned'>",
    "__proto__",
    "constructor",
    "\u2028document.title='owned'",
)


SCROLL = """top => new Promise(drawn => {
    document.getElementById('scroll').scrollTop = top;
    requestAnimationFrame(() => requestAnimationFrame(drawn));
})"""
SCRIPTS = ["cards.js", "details.js", "gallery.js", "index.js"]


@pytest.fixture
def show(page: Any, write: Callable[..., str], tmp_path: Path, taxonomy: Taxonomy) -> Show:
    def show(records: list[Record], fragment: str = "", **options: Any) -> Any:
        uri = write(str(tmp_path / "gallery"), records, taxonomy, **options)
        page.goto(f"file://{uri}{fragment}")
        page.wait_for_selector(".card .file, #empty:not([hidden])")
        return page

    return show


def names(page: Any) -> list[str]:
    """Names of the cards that are drawn, in reading order."""
    page.wait_for_function("() => ![...document.querySelectorAll('.waiting')].length")
    cards = page.locator(".card").evaluate_all(
        "cards => cards.map(c => [Number(c.ariaPosInSet), c.querySelector('.file').textContent])"
    )
    return [name for _, name in sorted(cards)]


def test_the_second_image_of_a_pair_is_a_click_away(
    show: Show, record: Make, region: Callable[..., Region], sources: Sources
) -> None:
    one, other = record(1), record(2)
    assert isinstance(other.media, Image)
    both = sources[one.sample_id], sources[other.sample_id]
    size = len(both[1])
    second = Reference(asset_id=other.asset_id, file_name="o.png", byte_size=size, media=other.media)
    regions = region("a", asset_id=one.asset_id), region("b", (60, 40, 120, 80), asset_id=other.asset_id)
    pair = one.evolve(reference=second, regions=regions, annotation_status="annotated")
    page = show([pair], media={one.sample_id: both})
    page.locator(".card").click()
    picture = page.locator("#details .large img")
    files, outlines = [], []
    for label in ("image", "reference"):
        page.get_by_role("button", name=label, exact=True).click()
        assert picture.get_attribute("alt") == f"picture 1.png {label}"
        page.wait_for_function("() => document.querySelector('#details .large img').naturalWidth === 120")
        files.append(picture.get_attribute("src"))
        outlines.append(page.locator("#details .large path").first.get_attribute("d"))
    assert len({*files}) == len({*outlines}) == 2


def box(page: Any, word: str) -> Any:
    return page.locator(f'#filters input[value="{word}"]')


def columns_of(page: Any) -> int:
    lefts = "cards => new Set(cards.map(c => Math.round(c.getBoundingClientRect().left))).size"
    return int(page.locator(".card").evaluate_all(lefts))


def test_nothing_in_the_data_acts(show: Show, record: Make, region: Callable[..., Region]) -> None:
    def row(number: int, text: str) -> Record:
        evil = region(text, category=text, explanation=text, phrase=text, source="human")
        return record(
            number,
            file_name=text,
            split=text,
            explanation=text,
            claims=(Claim(start=0, end=len(text), region_ids=(text,)),),
            regions=(evil,),
            ground_truth=(evil,),
            answers=(Answer(question=text, answer=text),),
            generator=Generator(name=text),
            source=Source(name=text, licence=text),
            annotation_status="annotated",
        )

    page = show([row(number, text) for number, text in enumerate(HOSTILE)])
    shown = [text.replace("\u2028", "⟨U+2028⟩") for text in HOSTILE]

    assert names(page) == shown
    for number, text in enumerate(shown):
        page.locator(".card button").nth(number).click()
        page.wait_for_selector("#shown .regions")
        assert page.locator("#name").text_content() == text
        assert page.locator("#shown .said").first.text_content() == f"{text}1"
        assert page.locator("#shown .regions b").text_content() == text.replace("_", " ")
        page.keyboard.press("Escape")
    page.fill("#search", "owned")
    page.wait_for_function("() => document.querySelectorAll('.card').length === 7")
    assert page.title() == "Tiny: gallery"
    assert page.evaluate("() => [...document.scripts].map(s => s.src.split('/').pop())") == SCRIPTS
    assert page.evaluate("() => document.querySelectorAll('[onload], [onerror]').length") == 0


def test_an_address_of_hostile_parts_is_ignored(show: Show, record: Make) -> None:
    page = show(
        [record(0)], "#f.split=<img src=x onerror=alert(1)>&f.__proto__=a&layers=constructor&row=zzz&color=toString"
    )

    assert names(page) == ["picture 0.png"]
    assert page.locator("dialog[open]").count() == 0


def test_html_from_text_is_refused_by_the_browser_itself(
    browser: Any, write: Callable[..., str], tmp_path: Path, record: Make
) -> None:
    page = browser.new_page()
    page.goto(f"file://{write(str(tmp_path), [record(0)])}")
    page.wait_for_selector(".card .file")

    refused = """() => { try { document.body.innerHTML = '<b>x</b>' } catch (e) { return e instanceof TypeError } }"""
    assert page.evaluate(refused)
    assert names(page) == ["picture 0.png"]
    page.close()


def test_only_what_is_seen_is_drawn(show: Show, record: Make) -> None:
    page = show([record(i) for i in range(260)], side=0)
    most = 0
    for top in range(0, 12_000, 1_000):
        page.evaluate(SCROLL, top)
        most = max(most, page.evaluate("() => document.querySelectorAll('*').length"))
    page.evaluate("() => { const s = document.getElementById('scroll'); s.scrollTop = s.scrollHeight }")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.file')].some(e => e.textContent === 'picture 259.png')"
    )

    assert names(page)[-1] == "picture 259.png"
    assert most < 60 * 8  # 35 cards or so of 8 elements each, and the page around them


def test_filters_go_together_and_into_the_address(show: Show, record: Make, region: Callable[..., Region]) -> None:
    noisy = (region("n", category="noise"),)
    page = show(
        [
            record(0, origin="real"),
            record(1, origin="edited", regions=(region("b"),), annotation_status="annotated"),
            record(2, origin="edited", regions=noisy, annotation_status="annotated"),
            record(3, origin="generated", regions=noisy, annotation_status="annotated", split="test"),
        ]
    )
    box(page, "noise").check()
    assert names(page) == ["picture 2.png", "picture 3.png"]
    box(page, "blur").check()
    assert names(page) == ["picture 1.png", "picture 2.png", "picture 3.png"]
    box(page, "edited").check()
    assert names(page) == ["picture 1.png", "picture 2.png"]
    assert page.locator("#count").text_content() == "2 of 4 rows"

    address = page.url
    page.goto("about:blank")
    page.goto(address)

    assert names(page) == ["picture 1.png", "picture 2.png"]
    assert box(page, "edited").is_checked()


def test_a_search_finds_words_of_explanations(show: Show, record: Make, region: Callable[..., Region]) -> None:
    page = show(
        [
            record(0, explanation="Six Fingers on the left hand"),
            record(1),
            record(2, regions=(region("f", explanation="a finger too many"),), annotation_status="annotated"),
        ]
    )
    page.fill("#search", "FINGER")
    page.wait_for_function("() => document.querySelectorAll('.card').length === 2")
    assert names(page) == ["picture 0.png", "picture 2.png"]

    page.fill("#search", "nowhere at all")
    page.wait_for_selector("#empty:not([hidden])")
    page.click("#clear")
    assert names(page) == ["picture 0.png", "picture 1.png", "picture 2.png"]


def test_a_search_looks_at_every_text_once(
    browser: Any, write: Callable[..., str], tmp_path: Path, record: Make, taxonomy: Taxonomy
) -> None:
    rows = [record(number, explanation=("a hand", *3 * ["a finger"])[number % 4]) for number in range(12)]
    page = browser.new_page()
    page.add_init_script("""const includes = String.prototype.includes; globalThis.looked = [];
        String.prototype.includes = function (word) { looked.push(word); return includes.call(this, word); };""")
    page.goto(f"file://{write(str(tmp_path), rows, taxonomy, parts=12)}")
    page.wait_for_selector(".card .file")

    for query, count in (("finger", 9), ("hand", 3)):  # the second time nothing is left to read
        page.fill("#search", query)
        page.wait_for_selector(f"#count:text-is('{count} of 12 rows')")
        assert page.evaluate("query => looked.filter(word => word === query).length", query) == 12
    page.close()


def test_layers_are_told_apart_and_switched(show: Show, record: Make, region: Callable[..., Region]) -> None:
    drawn = (region("m"), region("h", (60, 40, 110, 70), source="human"))
    page = show([record(0, regions=drawn, ground_truth=(region("t"),), annotation_status="annotated")])

    def layers() -> list[list[str]]:
        return page.locator(".card .outline").evaluate_all(
            "lines => lines.map(l => [l.classList[1], getComputedStyle(l).strokeDasharray])"
        )

    assert layers() == [["machine", "none"], ["human", "8px, 4px"]]
    page.get_by_label("machines").first.uncheck()
    page.get_by_label("known truth").first.check()
    assert layers() == [["truth", "2px, 4px"], ["human", "8px, 4px"]]
    page.keyboard.press("1")  # people
    assert layers() == [["truth", "2px, 4px"]]


def test_an_outline_lies_where_the_region_is(show: Show, record: Make, region: Callable[..., Region]) -> None:
    page = show([record(0, regions=(region("a", (12, 8, 60, 40)),), annotation_status="annotated")])
    page.locator(".card button").click()
    page.wait_for_selector("#shown img")

    image = page.locator("#shown .large").bounding_box()
    line = page.locator("#shown .outline").evaluate(
        "e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom] }"
    )

    left, top, width, height = image["x"], image["y"], image["width"], image["height"]
    wanted = [left + 0.1 * width, top + 0.1 * height, left + 0.5 * width, top + 0.5 * height]
    assert line == pytest.approx(wanted, abs=3)


def test_a_claim_points_at_its_region(show: Show, record: Make, region: Callable[..., Region]) -> None:
    text = "Soft here. Fine there."
    claim = Claim(start=0, end=10, region_ids=("b",))
    drawn = (region("a"), region("b", (60, 40, 110, 70)))
    page = show([record(0, explanation=text, claims=(claim,), regions=drawn, annotation_status="annotated")])
    page.locator(".card button").click()
    page.locator("mark").focus()

    marked = page.locator("#shown .outline").evaluate_all("lines => lines.map(l => l.classList.contains('marked'))")

    assert marked == [False, True]


def test_a_keyboard_is_enough(show: Show, record: Make) -> None:
    page = show([record(i) for i in range(12)])
    columns = columns_of(page)
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#name").text_content() == f"picture {columns + 1}.png"
    page.keyboard.press("ArrowRight")
    assert page.locator("#name").text_content() == f"picture {columns + 2}.png"
    page.keyboard.press("Escape")
    wait_until_focused(page, f"picture {columns + 2}.png")  # the browser tells the page a task later that it was closed


def wait_until_focused(page: Any, name: str) -> None:
    """Until the card of this name has the keyboard."""
    page.wait_for_function("name => (document.activeElement.ariaLabel ?? '').startsWith(name)", arg=name)


def test_cards_that_are_drawn_anew_leave_the_keyboard_where_it_was(page: Any, show: Show, record: Make) -> None:
    show([record(i) for i in range(12)])
    page.locator(".card > button").nth(3).focus()
    page.evaluate("() => { window.before = document.activeElement; }")
    page.set_viewport_size({"width": 700, "height": 600})
    page.wait_for_function("() => !window.before.isConnected")
    wait_until_focused(page, "picture 3.png")
    page.keyboard.press("1")  # an overlay, on every card
    wait_until_focused(page, "picture 3.png")


def test_the_keyboard_stays_on_a_card_whose_facts_come_later(page: Any, show: Show, record: Make) -> None:
    page.set_viewport_size({"width": 700, "height": 400})
    rows = [record(i) for i in range(140)]
    show(rows)
    page.locator(".card > button").first.focus()
    page.keyboard.press("End")
    wait_until_focused(page, "picture 139.png")
    page.keyboard.press("ArrowLeft")
    wait_until_focused(page, "picture 138.png")


def test_a_row_has_an_address(show: Show, record: Make) -> None:
    wanted = record(1)
    page = show([record(0), wanted], f"#row={wanted.sample_id[:12]}")

    page.wait_for_selector("dialog[open]")

    assert page.locator("#name").text_content() == "picture 1.png"


def test_a_phone_shows_two_columns_and_the_filters_on_demand(page: Any, show: Show, record: Make) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    show([record(i, origin=("real", "edited")[i % 2]) for i in range(6)])

    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert columns_of(page) == 2
    assert not box(page, "real").is_visible()
    page.click("#toggle")
    box(page, "real").check()
    assert names(page) == ["picture 0.png", "picture 2.png", "picture 4.png"]
