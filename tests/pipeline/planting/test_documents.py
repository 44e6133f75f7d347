import numpy as np
import pypdfium2
import pytest

from pipeline.planting.documents import paste, regions_of, write_report
from pipeline.planting.photos import Photo
from schemas.candidate import Region

LAYOUT = [
    *("text_block", "text_block", "figure", "text_block", "text_block"),
    *("text_block", "text_block", "text_block", "table", "text_block"),
]


def rendered(data: bytes) -> list[np.ndarray]:
    """Pages at 72 dpi, ``(H, W, 3)``: one pixel is one point."""
    return [page.render(scale=1).to_numpy().astype(int) for page in pypdfium2.PdfDocument(data)]


def inside(region: Region, x: float, y: float) -> bool:
    box = region.box
    return box is not None and box.x1 - 1 <= x <= box.x2 + 1 and box.y1 - 1 <= y <= box.y2 + 1


def test_a_clean_report_has_two_pages_of_typed_blocks(photo: Photo) -> None:
    regions = regions_of(write_report(photo))

    assert [region.category for region in regions] == LAYOUT
    assert [region.page_index for region in regions] == [0] * 5 + [1] * 5
    assert [region.region_id for region in regions] == [f"truth-{number}" for number in range(1, 11)]
    assert {region.source for region in regions} == {"ground_truth"}


def test_every_character_lies_in_a_text_block_or_the_table(photo: Photo) -> None:
    report = write_report(photo)
    document = pypdfium2.PdfDocument(report.to_pdf())
    for index in range(2):
        blocks = [r for r in regions_of(report) if r.page_index == index and r.category in ("text_block", "table")]
        text = document[index].get_textpage()
        for i in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(i)
            if text.get_text_range(i, 1).strip():
                assert any(inside(block, (left + right) / 2, 842 - (bottom + top) / 2) for block in blocks)


def test_nothing_is_drawn_outside_of_the_blocks(photo: Photo) -> None:
    report = write_report(photo)
    for index, page in enumerate(rendered(report.to_pdf())):
        for region in regions_of(report):
            if region.page_index == index and region.box:
                x1, y1, x2, y2 = (int(v) for v in (region.box.x1, region.box.y1, region.box.x2, region.box.y2))
                assert page[y1:y2, x1:x2].min() < 128
                page[y1 - 2 : y2 + 3, x1 - 2 : x2 + 3] = 255
        assert page.min() == 255


def test_the_table_states_what_the_photo_measures(photo: Photo) -> None:
    text = pypdfium2.PdfDocument(write_report(photo).to_pdf())[1].get_textpage().get_text_range()

    quarter = photo.pixels[80:, :112]
    numbers = [*quarter.mean(axis=(0, 1)), quarter.mean(axis=2).std()]
    row = text.split("lower left")[1].split("lower right")[0]
    assert row.split() == [f"{number:.1f}" for number in numbers]


@pytest.mark.parametrize("seed", range(5))
def test_only_pasted_regions_differ_from_the_clean_report(seed: int, photo: Photo, checkers: Photo) -> None:
    clean, pasted = write_report(photo), write_report(photo)
    paste(pasted, checkers, np.random.default_rng(seed))
    new = regions_of(pasted)[len(LAYOUT) :]

    assert regions_of(pasted)[: len(LAYOUT)] == regions_of(clean)
    assert [(region.category, region.page_index) for region in new] == [("pasted_region", 0), ("pasted_region", 1)]
    for index, (before, after) in enumerate(zip(rendered(clean.to_pdf()), rendered(pasted.to_pdf()), strict=True)):
        changed = np.argwhere((before != after).any(axis=2))
        (box,) = (region.box for region in new if region.page_index == index)
        assert box is not None
        assert changed.min(axis=0).tolist() == [box.y1, box.x1]
        assert (changed.max(axis=0) + 1).tolist() == [box.y2, box.x2]


def test_the_text_below_a_pasted_number_is_still_there(photo: Photo, checkers: Photo) -> None:
    clean, pasted = write_report(photo), write_report(photo)
    paste(pasted, checkers, np.random.default_rng(1))
    texts = [pypdfium2.PdfDocument(report.to_pdf())[1].get_textpage().get_text_range() for report in (clean, pasted)]

    assert texts[0] == texts[1]
    assert pasted.to_pdf() == pasted.to_pdf()
