"""How far a document's text layer supports an answer: by its words, compared in a row."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from schemas.candidate import Answer, Region
from schemas.geometry import Box

if TYPE_CHECKING:
    from schemas.media.documents import Word

__all__ = ["ATTRIBUTE", "RANK", "SAID", "Level", "support_of"]

ATTRIBUTE = "answer_support"
Level = Literal["nowhere", "no_text_layer", "page", "evidence"]
RANK: dict[str, int] = {level: rank for rank, level in enumerate(get_args(Level))}
SAID: dict[Level, str] = {
    "evidence": "stands in the evidence",
    "page": "stands on a page of the evidence, outside of it",
    "nowhere": "stands on no page of the evidence",
    "no_text_layer": "cannot be compared: there is no text layer",
}


def support_of(answer: Answer, regions: Mapping[str, Region], words: Mapping[int, Sequence[Word]]) -> Level:
    """How far the text layer supports an answer; ``words`` are those of the pages of its evidence, in reading order."""
    evidence = [regions[i] for i in answer.region_ids if i in regions and regions[i].page_index in words]
    pages = {region.page_index for region in evidence if region.page_index is not None}
    if not answer.region_ids:
        return "nowhere"
    if not any(words[page] for page in pages):
        return "no_text_layer"
    wanted = _tokens(answer.answer)
    boxes = {page: [r.box for r in evidence if r.page_index == page and r.box] for page in pages}
    within = {
        page: [word for word in words[page] if any(_holds(box, word.box) for box in boxes[page])] for page in pages
    }
    if any(_stands_in(wanted, found) for found in within.values()):
        return "evidence"
    return "page" if any(_stands_in(wanted, words[page]) for page in pages) else "nowhere"


def _stands_in(wanted: Sequence[str], words: Sequence[Word]) -> bool:
    tokens = _tokens(" ".join(word.text for word in words))
    return bool(wanted) and any(
        tokens[start : start + len(wanted)] == wanted for start in range(len(tokens) - len(wanted) + 1)
    )


def _tokens(text: str) -> list[str]:
    """Words and numbers without case and punctuation at their ends; a hyphen at a line's end joins."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u00ad", "")
    return re.findall(r"\w+(?:[.,:/'’-]\w+)*", re.sub(r"(?<=\w)- (?=\w)", "", plain))


def _holds(box: Box, word: Box) -> bool:
    """Whether the word's middle lies in the box."""
    x, y = (word.x1 + word.x2) / 2, (word.y1 + word.y2) / 2
    return box.x1 <= x <= box.x2 and box.y1 <= y <= box.y2
