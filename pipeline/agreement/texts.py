"""How alike two explanations are, by their words."""

from __future__ import annotations

import re

__all__ = ["rouge_l"]


def rouge_l(one: str, other: str) -> float:
    """ROUGE-L F1 of the words, without regard to case, 0 to 1; two empty texts agree: 1 (Lin 2004)."""
    ours, theirs = (re.findall(r"\w+", text.casefold()) for text in (one, other))
    if not (ours and theirs):
        return float(ours == theirs)
    return 2 * _longest_common(ours, theirs) / (len(ours) + len(theirs))


def _longest_common(ours: list[str], theirs: list[str]) -> int:
    """Length of the longest common subsequence, row by row."""
    row = [0] * (len(theirs) + 1)
    for word in ours:
        diagonal = 0
        for j, other in enumerate(theirs, 1):
            diagonal, row[j] = row[j], diagonal + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]
