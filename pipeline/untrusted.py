"""Text from file names, metadata and models' answers, made fit to be shown: it says, never does.

HTML is escaped by the template's autoescape; what is here comes before it (characters that mislead
the eye or cannot be encoded) and for Markdown, which has no autoescape.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["as_code", "as_markdown", "visible", "web_address"]

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1 controls but tab and line ends
    "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"  # directions: 'photo\u202egpj.exe' reads 'photoexe.jpg'
    "\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"  # line ends, marks, halves of pairs
)
_ANY_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$!#{}&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"^(?:[-+=:]|\d+(?=[.)]))")
_PLAIN_CODE = re.compile(r"[\w.,:;@/+=%()\[\]{}\"' -]+")


def visible(text: str) -> str:
    """The text with every control, direction mark and lone surrogate replaced by its name, e.g. ``⟨U+202E⟩``.

    >>> visible("photo\\u202egpj.exe")
    'photo⟨U+202E⟩gpj.exe'
    """
    return _INVISIBLE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def as_markdown(text: str) -> str:
    """One line of Markdown that renders as exactly this text, in a paragraph, a heading or a table's cell.

    >>> as_markdown("a | b <img src=x> snake_case *not bold*")
    'a \\\\| b \\\\<img src=x\\\\> snake_case \\\\*not bold\\\\*'
    """
    line = " ".join(visible(text).split())
    escaped = _ANY_MARKDOWN.sub(lambda match: f"\\{match[0]}", line)
    return _BLOCK_START.sub(_escape_block_start, escaped)


def as_code(text: str) -> str:
    """A code span for identifiers; anything that could leave the span is escaped as text instead."""
    line = visible(text)
    return f"`{line}`" if _PLAIN_CODE.fullmatch(line) and line.strip() else as_markdown(text)


def web_address(url: str | None) -> str | None:
    """The address if a browser may follow it (http or https, with a host), else None: it is shown as text.

    >>> web_address("https://example.org/a")
    'https://example.org/a'
    >>> web_address("javascript:alert(1)")
    """
    if not url or visible(url) != url or any(character.isspace() for character in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else None


def _escape_block_start(match: re.Match[str]) -> str:
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"
