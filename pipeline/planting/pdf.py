"""A small PDF writer: Helvetica with a real text layer, lines, and pictures as JPEG.

Written here because equal pages must give equal bytes: PDFium stamps a random file id and a clock
into what it saves, and reportlab would be one more dependency for two pages. Format: ISO 32000-1,
a subset of PDF 1.4; the widths of the glyphs are those of Adobe's Helvetica.afm.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schemas.geometry import Box

from .photos import Pixels, jpeg

__all__ = ["PAGE_HEIGHT", "PAGE_WIDTH", "Sheet", "text_width", "wrapped", "write_pdf"]

PAGE_WIDTH, PAGE_HEIGHT = 595, 842
"""A4 in points."""

ASCENT, DESCENT = 0.718, 0.207
"""How far letters reach above and below the baseline, per point of size."""

_CHARACTERS_BY_WIDTH = {
    191: "'", 222: "ijl", 260: "|", 278: " !,./:;[\\]ftI", 333: "()-`r", 334: "{}", 355: '"', 389: "*", 469: "^",
    500: "cksvxyzJ", 556: "#$0123456789?_abdeghnopquL", 584: "+<=>~", 611: "FTZ", 667: "&ABEKPSVXY",
    722: "CDHNRUw", 778: "GOQ", 833: "mM", 889: "%", 944: "W", 1015: "@",
}  # fmt: skip
_WIDTHS = {character: width for width, characters in _CHARACTERS_BY_WIDTH.items() for character in characters}


@dataclass
class Sheet:
    """One page while it is laid out; coordinates in points from the top left corner, y down."""

    commands: list[str] = field(default_factory=list)
    pictures: list[Pixels] = field(default_factory=list)

    def text(self, x: float, baseline: float, size: float, words: str) -> Box:
        """Write one line in ASCII; the box around it, with ascenders and descenders."""
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.commands.append(f"BT /F {size:g} Tf {x:.2f} {PAGE_HEIGHT - baseline:.2f} Td ({escaped}) Tj ET")
        right = x + text_width(words, size)
        return Box(
            x1=x, y1=round(baseline - ASCENT * size, 2), x2=round(right, 2), y2=round(baseline + DESCENT * size, 2)
        )

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """A thin black line."""
        self.commands.append(f"0.6 w {x1:.2f} {PAGE_HEIGHT - y1:.2f} m {x2:.2f} {PAGE_HEIGHT - y2:.2f} l S")

    def picture(self, pixels: Pixels, box: Box) -> None:
        """A picture stretched over a box."""
        place = f"{box.x2 - box.x1:.2f} 0 0 {box.y2 - box.y1:.2f} {box.x1:.2f} {PAGE_HEIGHT - box.y2:.2f}"
        self.commands.append(f"q {place} cm /P{len(self.pictures)} Do Q")
        self.pictures.append(pixels)


def text_width(words: str, size: float) -> float:
    """Width in points of ASCII words at a size in points."""
    return sum(_WIDTHS[character] for character in words) * size / 1000


def wrapped(words: str, size: float, width: float) -> list[str]:
    """Lines of at most ``width`` points, broken at blanks."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def write_pdf(sheets: Sequence[Sheet]) -> bytes:
    """The document; equal sheets give equal bytes."""
    objects = list(_objects(sheets))
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


def _objects(sheets: Sequence[Sheet]) -> Iterator[bytes]:
    """Bodies of the objects in the order of their numbers: catalog, pages, font, then each page and its parts."""
    numbers = [4]
    for sheet in sheets:
        numbers.append(numbers[-1] + 2 + len(sheet.pictures))
    kids = " ".join(f"{number} 0 R" for number in numbers[:-1])
    yield b"<< /Type /Catalog /Pages 2 0 R >>"
    yield f"<< /Type /Pages /Kids [{kids}] /Count {len(sheets)} >>".encode("ascii")
    yield b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    for number, sheet in zip(numbers, sheets, strict=False):
        pictures = " ".join(f"/P{i} {number + 2 + i} 0 R" for i in range(len(sheet.pictures)))
        yield (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] /Contents {number + 1} 0 R "
            f"/Resources << /Font << /F 3 0 R >> /XObject << {pictures} >> >> >>"
        ).encode("ascii")
        yield _stream("/Filter /FlateDecode", zlib.compress("\n".join(sheet.commands).encode("ascii")))
        yield from (_picture(pixels) for pixels in sheet.pictures)


def _picture(pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    facts = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return _stream(f"{facts} /Filter /DCTDecode", jpeg(pixels, 90))


def _stream(facts: str, data: bytes) -> bytes:
    return f"<< {facts} /Length {len(data)} >>\nstream\n".encode("ascii") + data + b"\nendstream"
