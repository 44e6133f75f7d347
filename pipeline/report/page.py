"""The page itself: facts into one HTML file.

No script, no request, no inline style: the policy in its head allows only pictures inside the file
and the one style sheet whose hash it names. Every value passes ``visible`` and then autoescape.
"""

from __future__ import annotations

import base64
import colorsys
import hashlib
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.record import Record
from schemas.taxonomy import Taxonomy

from ..filesystems import write_atomically
from ..thumbnails import Thumbnail
from ..untrusted import visible, web_address
from .facts import ReportFacts
from .outlines import outlines, stretches, view_size

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["UNKNOWN_COLOR", "category_colors", "render_report", "write_report"]

FOLDER = Path(__file__).parent
COLORS = (
    "#ff5d5d", "#ffb02e", "#2ea8ff", "#35c46b", "#b98bff", "#ff7ac8", "#19c7c1", "#c3d132",
    "#ff8a4c", "#8c9aff", "#d6a86a", "#8fd3ff",
)  # fmt: skip
"""Bright on photographs of any kind; categories without a color of their own take them in order."""
UNKNOWN_COLOR = "#9aa7b5"
_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n", "image/png"), (b"RIFF", "image/webp"))


def write_report(facts: ReportFacts, out: str | Path) -> None:
    """Write ``report.html`` whole or not at all. Raises RunError on a full disk."""
    write_atomically(str(out), render_report(facts).encode("utf-8"))


def render_report(facts: ReportFacts) -> str:
    """The page as text."""
    from markupsafe import Markup

    style = (FOLDER / "page.css").read_text(encoding="utf-8") + _category_styles(facts.taxonomy)
    classes = {category.name: f"k{number}" for number, category in enumerate(facts.taxonomy.categories)}
    return _template().render(
        facts=facts,
        style=Markup(style),  # noqa: S704 - our own file, and colors that the taxonomy's pattern allows
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        class_of=partial(_class_of, classes),
        data_uri=_data_uri,
        outlines=outlines,
        stretches=stretches,
        view_size=view_size,
        medium=_medium,
        web_address=web_address,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown_by = {"n": "{:,}".format, "usd": _usd, "clip": _clip, "bytes": _bytes, "words": _words, "zip_with": zip}
    environment.filters.update(shown_by)
    return environment.get_template("page.html.jinja")


def _shown(value: Any) -> Any:
    """What every ``{{ ... }}`` passes before it is escaped."""
    if value is None:
        return ""
    return visible(value) if type(value) is str else value


def _class_of(classes: dict[str, str], category: str) -> str:
    return classes.get(category, "kx")


def category_colors(taxonomy: Taxonomy) -> dict[str, str]:
    """``#rrggbb`` of every category by its name, in order: its own, or one that is bright on photographs."""
    return {category.name: category.color or _color(number) for number, category in enumerate(taxonomy.categories)}


def _category_styles(taxonomy: Taxonomy) -> str:
    colors = enumerate(category_colors(taxonomy).values())
    named = [*((f"k{number}", color) for number, color in colors), ("kx", UNKNOWN_COLOR)]
    return "\n".join(f".{name} {{ --k: {color}; --on: {_ink_on(color)}; }}" for name, color in named) + "\n"


def _color(number: int) -> str:
    """The next color of the palette; beyond it, hues in steps of the golden angle."""
    if number < len(COLORS):
        return COLORS[number]
    red, green, blue = colorsys.hls_to_rgb(number * 0.381966 % 1, 0.66, 0.75)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _ink_on(color: str) -> str:
    """Black or white, whichever reads better on the color (relative luminance of WCAG 2)."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#101216" if luminance > 0.18 else "#ffffff"


def _data_uri(thumbnail: Thumbnail) -> str:
    """The picture inside the page. Raises ValueError for bytes that are no JPEG, PNG or WebP."""
    kinds = (kind for signature, kind in _SIGNATURES if thumbnail.data.startswith(signature))
    kind = next(kinds, None)
    if kind is None:
        raise ValueError(f"a thumbnail must be JPEG, PNG or WebP, not {thumbnail.data[:8]!r}")
    return f"data:{kind};base64,{base64.b64encode(thumbnail.data).decode()}"


def _medium(record: Record) -> str:
    """The medium in a few words: format and size."""
    media = record.media
    if media.kind == "image":
        frames = f" · {media.num_frames} frames" if media.num_frames > 1 else ""
        return f"{media.format} · {media.width} × {media.height}{frames}"
    if media.kind == "video":
        return f"{media.codec} · {media.width} × {media.height} · {media.duration_s:.1f} s · {media.fps:.4g} fps"
    return f"{media.format} · {media.num_pages} {'page' if media.num_pages == 1 else 'pages'}"


def _usd(amount: float | None) -> str:
    if amount is None:
        return "–"
    digits = 2 if amount >= 1 or not amount else 4 if amount >= 0.001 else 6
    return f"${amount:,.{digits}f}"


def _clip(text: str, length: int) -> str:
    """At most ``length`` characters, saying how many are left out."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters in the dataset)"


def _bytes(size: int) -> str:
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size} bytes"


def _words(name: str) -> str:
    return name.replace("_", " ")
