"""A two-page report about a photo, and pictures pasted over parts of it.

Every block of the report is known by its box, in points (72 dpi) from the top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from schemas.candidate import Region
from schemas.geometry import Box

from .pdf import PAGE_WIDTH, Sheet, text_width, wrapped, write_pdf
from .photos import Photo, Pixels

__all__ = ["Block", "Report", "paste", "regions_of", "write_report"]

MARGIN = 72.0
COLUMN = PAGE_WIDTH - 2 * MARGIN
ROW = 20.0
"""Height of a table row in points."""
QUARTERS = ("upper left", "upper right", "lower left", "lower right")
HEADS = ("quarter", "red", "green", "blue", "contrast")


@dataclass(frozen=True)
class Block:
    """A typed part of a page, or something pasted on it."""

    page_index: int
    category: str
    box: Box
    explanation: str


@dataclass
class Report:
    """The report on its way."""

    sheets: list[Sheet]
    blocks: list[Block] = field(default_factory=list)

    def add(self, page_index: int, category: str, box: Box, explanation: str) -> float:
        """Note a block; returns its lower edge."""
        self.blocks.append(Block(page_index, category, box, explanation))
        return box.y2

    def to_pdf(self) -> bytes:
        """The report as PDF."""
        return write_pdf(self.sheets)


def write_report(photo: Photo) -> Report:
    """Two pages: title, text and the photo as a figure; text and a table of what was measured of it."""
    report, height, width = Report([Sheet(), Sheet()]), *photo.pixels.shape[:2]
    y = _paragraph(report, 0, 96, 22, "Report on a photograph")
    y = _paragraph(report, 0, y + 26, 10.5, _ABOUT)
    y = _figure(report, y + 18, photo)
    y = _paragraph(report, 0, y + 18, 9, f"Figure 1. The photograph, {width} x {height} pixels.")
    _paragraph(report, 0, y + 30, 10.5, _READING)
    y = _paragraph(report, 1, 92, 15, "Measurements")
    y = _paragraph(report, 1, y + 22, 10.5, _METHOD)
    y = _paragraph(
        report, 1, y + 24, 9, "Table 1. Mean color and contrast of each quarter, in gray levels from 0 to 255."
    )
    y = _table(report, y + 10, _measured(photo.pixels))
    _paragraph(report, 1, y + 30, 10.5, _CLOSING)
    return report


def paste(report: Report, donor: Photo, rng: np.random.Generator) -> Report:
    """Paste a foreign patch on the figure and a picture of a number over a number of the table."""
    figure = next(block for block in report.blocks if block.category == "figure")
    table = next(block for block in report.blocks if block.category == "table")
    _paste_patch(report, figure, donor, rng)
    _paste_number(report, table, rng)
    return report


def regions_of(report: Report) -> tuple[Region, ...]:
    """The truth: every block of the report, and whatever was pasted."""
    return tuple(
        Region(
            region_id=f"truth-{number}",
            page_index=block.page_index,
            box=block.box,
            category=block.category,
            explanation=block.explanation,
            source="ground_truth",
        )
        for number, block in enumerate(report.blocks, 1)
    )


_ABOUT = (
    "This report is a made document: it exists to test annotators of documents. It has two pages, running text, "
    "a figure with its caption and a table with its caption. The figure below is a photograph that was given to "
    "the public domain, or one that the person who ran the program supplied. Nothing in the report was written "
    "about the people or the things that the photograph shows."
)
_READING = (
    "The figure was scaled to the width of the column and stored as JPEG. Where a copy of this report differs from "
    "another copy, a picture was pasted over a part of the page. The text below a pasted picture is still there: "
    "it can be selected and searched, and it may say something else than the picture shows."
)
_METHOD = (
    "The photograph was cut into four quarters of equal size. For each quarter the table states the mean of the red, "
    "green and blue values, and the contrast, which is the standard deviation of the gray values. All numbers were "
    "measured by the program that made this document, from the pixels of the photograph before it was stored."
)
_CLOSING = (
    "The numbers can be checked against the photograph itself. Rounding and the loss of the JPEG coder change a mean "
    "by much less than one gray level. A larger difference between a number in the table and the photograph says "
    "that one of the two was changed."
)


def _paragraph(report: Report, page_index: int, top: float, size: float, words: str) -> float:
    sheet, lines = report.sheets[page_index], wrapped(words, size, COLUMN)
    boxes = [sheet.text(MARGIN, round(top + (0.718 + 1.35 * i) * size, 2), size, line) for i, line in enumerate(lines)]
    box = Box(x1=MARGIN, y1=boxes[0].y1, x2=max(b.x2 for b in boxes), y2=boxes[-1].y2)
    return report.add(
        page_index, "text_block", box, f"{len(lines)} line{'s' * (len(lines) > 1)} of text at {size:g} points."
    )


def _figure(report: Report, top: float, photo: Photo) -> float:
    rows, columns = photo.pixels.shape[:2]
    scale = min(COLUMN / columns, 300 / rows)
    width, height = round(columns * scale), round(rows * scale)
    x = MARGIN + (COLUMN - width) // 2
    box = Box(x1=x, y1=round(top), x2=x + width, y2=round(top) + height)
    report.sheets[0].picture(photo.pixels, box)
    return report.add(0, "figure", box, f"The photograph {photo.name}, {columns} x {rows} pixels.")


def _measured(pixels: Pixels) -> list[list[str]]:
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    quarters = [pixels[y : y + rows, x : x + columns] for y in (0, rows) for x in (0, columns)]
    numbers = [[*quarter.mean(axis=(0, 1)), quarter.mean(axis=2).std()] for quarter in quarters]
    return [[name, *(f"{number:.1f}" for number in row)] for name, row in zip(QUARTERS, numbers, strict=True)]


def _table(report: Report, top: float, body: list[list[str]]) -> float:
    sheet, cell, rows = report.sheets[1], COLUMN / len(HEADS), [list(HEADS), *body]
    bottom = top + ROW * len(rows)
    for i, row in enumerate(rows):
        for j, words in enumerate(row):
            x = MARGIN + j * cell + 6 if j == 0 else MARGIN + (j + 1) * cell - 6 - text_width(words, 10)
            sheet.text(round(x, 2), top + i * ROW + 13.5, 10, words)
    for i in range(len(rows) + 1):
        sheet.line(MARGIN, top + i * ROW, MARGIN + COLUMN, top + i * ROW)
    for j in range(len(HEADS) + 1):
        sheet.line(MARGIN + j * cell, top, MARGIN + j * cell, bottom)
    box = Box(x1=MARGIN, y1=round(top, 2), x2=MARGIN + COLUMN, y2=round(bottom, 2))
    return report.add(1, "table", box, f"A table of {len(rows)} rows and {len(HEADS)} columns.")


def _paste_patch(report: Report, figure: Block, donor: Photo, rng: np.random.Generator) -> None:
    width, height = (round(side * 0.32) for side in (figure.box.x2 - figure.box.x1, figure.box.y2 - figure.box.y1))
    x = int(rng.integers(int(figure.box.x1) + 8, int(figure.box.x2) - width - 7))
    y = int(rng.integers(int(figure.box.y1) + 8, int(figure.box.y2) - height - 7))
    box = Box(x1=x, y1=y, x2=x + width, y2=y + height)
    report.sheets[figure.page_index].picture(donor.pixels[: 2 * height, : 2 * width], box)
    words = f"A patch of another photo ({donor.name}), {width} x {height} points, pasted on the figure."
    report.add(figure.page_index, "pasted_region", box, words)


def _paste_number(report: Report, table: Block, rng: np.random.Generator) -> None:
    row, column = int(rng.integers(1, 1 + len(QUARTERS))), int(rng.integers(1, len(HEADS)))
    cell, number = COLUMN / len(HEADS), f"{rng.uniform(20, 230):.1f}"
    x, y = round(table.box.x1 + column * cell + 4), round(table.box.y1 + row * ROW + 2)
    box = Box(x1=x, y1=y, x2=x + int(cell) - 8, y2=y + int(ROW) - 4)
    report.sheets[table.page_index].picture(_scanned(number, int(box.x2 - box.x1), int(box.y2 - box.y1)), box)
    words = (
        f"A blurred picture of the number {number} on gray paper, pasted over row {row}, column {HEADS[column]!r}; "
        "the text layer still holds the number that was there."
    )
    report.add(table.page_index, "pasted_region", box, words)


def _scanned(words: str, width: int, height: int) -> Pixels:
    """Words as a scan would show them: 144 dpi, gray paper, soft edges."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    paper = Image.new("RGB", (2 * width, 2 * height), (228, 224, 214))
    font = ImageFont.load_default(size=21)
    ImageDraw.Draw(paper).text((2 * width - 6, height), words, fill=(40, 38, 52), font=font, anchor="rm")
    return np.asarray(paper.filter(ImageFilter.GaussianBlur(1.1)))
