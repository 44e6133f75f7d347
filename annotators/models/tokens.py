"""How many tokens a request will cost, before it is sent: pictures by their model family's rule, words by length.

Sources: OpenAI "Images and vision, calculating costs" (tiles, patches), Qwen2.5-VL's ``smart_resize`` (patches of 28,
Qwen3-VL of 32 pixels), Gemini "Understand and count tokens" (258 a tile), Anthropic "Vision" (pixels / 750), InternVL's
``dynamic_preprocess`` (256 a tile of 448). Providers change them: an estimate says which rule it used, and a probe
measures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Rule", "picture_tokens", "rule_of", "text_tokens"]

CHARS_PER_TOKEN = 3.6
"""English prose has about 4, JSON and names fewer; a tokenizer would have to be downloaded at run time."""


class Rule(NamedTuple):
    """How a model family counts a picture."""

    name: str
    tokens: Callable[[int, int], int]
    """Tokens of a picture of that width and height in pixels, as it is sent."""
    is_known: bool = True
    """Whether the model's family was recognized; the estimate's interval is wide where not."""


def rule_of(model: str) -> Rule:
    """The rule of a model, by the name that a server gives it."""
    name = model.lower()
    return next((rule for pattern, rule in RULES if re.search(pattern, name)), GENERIC)


def picture_tokens(model: str, width: int, height: int) -> int:
    """Tokens of one picture."""
    return rule_of(model).tokens(width, height)


def text_tokens(chars: int) -> int:
    """Tokens of so many characters of text, about."""
    return math.ceil(chars / CHARS_PER_TOKEN)


def _tiles(base: int, per_tile: int) -> Callable[[int, int], int]:
    """Fitted into 2048 x 2048, shorter side brought down to 768, then cut into tiles of 512."""

    def tokens(width: int, height: int) -> int:
        scale = min(1.0, 2048 / max(width, height))
        scale *= min(1.0, 768 / (min(width, height) * scale))
        tiles = math.ceil(round(width * scale) / 512) * math.ceil(round(height * scale) / 512)
        return base + per_tile * tiles

    return tokens


def _patches(factor: float) -> Callable[[int, int], int]:
    """Patches of 32 pixels, at most 1536 of them, times the model's factor."""

    def tokens(width: int, height: int) -> int:
        patches = math.ceil(width / 32) * math.ceil(height / 32)
        return math.ceil(min(patches, 1536) * factor)

    return tokens


def _merged(side: int, most: int = 16384) -> Callable[[int, int], int]:
    """Sides rounded to multiples of ``side`` pixels, one token each square, and one before and after."""

    def tokens(width: int, height: int) -> int:
        squares = max(1, round(width / side)) * max(1, round(height / side))
        return min(max(squares, 4), most) + 2

    return tokens


def _gemini(width: int, height: int) -> int:
    """258 for a small picture; else tiles of two thirds of the shorter side, between 256 and 768 pixels."""
    if max(width, height) <= 384:
        return 258
    unit = min(768, max(256, int(min(width, height) / 1.5)))
    return 258 * math.ceil(width / unit) * math.ceil(height / unit)


def _claude(width: int, height: int) -> int:
    scale = min(1.0, 1568 / max(width, height))
    return min(math.ceil(width * height * scale * scale / 750), 1600)


def _internvl(width: int, height: int) -> int:
    """Tiles of 448 in the grid of at most 12 that comes closest in shape, and a thumbnail."""
    grids = [(x, y) for x in range(1, 13) for y in range(1, 13) if x * y <= 12]
    shape = width / height
    columns, rows, least = 1, 1, math.inf
    for x, y in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        off = abs(shape - x / y)
        if off < least or (off == least and width * height > 0.5 * 448 * 448 * x * y):
            columns, rows, least = x, y, off
    return 256 * (columns * rows + (columns * rows > 1))


GENERIC = Rule("patches of 28 pixels (family unknown)", _merged(28), is_known=False)
RULES: tuple[tuple[str, Rule], ...] = (
    (r"gpt-4o-mini", Rule("OpenAI tiles, 2833 + 5667 each", _tiles(2833, 5667))),
    (r"gpt-4\.1-mini|gpt-5[.\d]*-mini", Rule("OpenAI patches x 1.62", _patches(1.62))),
    (r"gpt-4\.1-nano|gpt-5[.\d]*-nano", Rule("OpenAI patches x 2.46", _patches(2.46))),
    (r"o4-mini", Rule("OpenAI patches x 1.72", _patches(1.72))),
    (r"gpt-5", Rule("OpenAI tiles, 70 + 140 each", _tiles(70, 140))),
    (r"\bo[13]\b", Rule("OpenAI tiles, 75 + 150 each", _tiles(75, 150))),
    (r"gpt-4", Rule("OpenAI tiles, 85 + 170 each", _tiles(85, 170))),
    (r"qwen-?3", Rule("Qwen3-VL, squares of 32 pixels", _merged(32))),
    (r"qwen", Rule("Qwen2.5-VL, squares of 28 pixels", _merged(28))),
    (r"gemini|gemma", Rule("Gemini, 258 a tile", _gemini)),
    (r"claude", Rule("Claude, pixels / 750", _claude)),
    (r"internvl", Rule("InternVL, 256 a tile of 448", _internvl)),
)
"""By a pattern in the model's name; the first that fits."""
