"""How the dataset is cited: CITATION.cff 1.2.0 (https://citation-file-format.github.io)."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from .cards.facts import CardFacts
from .untrusted import visible

__all__ = ["citation"]


def citation(facts: CardFacts, authors: Sequence[str]) -> str:
    """The text of CITATION.cff; ``authors`` are people or groups as the recipe names them, at least one."""
    fields = {
        "cff-version": "1.2.0",
        "type": "dataset",
        "title": visible(facts.title),
        "message": "If you use this dataset, please cite it as below.",
        "authors": [{"name": visible(author)} for author in authors],
        **({"abstract": visible(facts.description)} if facts.description else {}),
        **({"license": _spdx(facts.licence)} if _spdx(facts.licence) else {}),
    }
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)


_SPDX = {"mit": "MIT", "apache-2.0": "Apache-2.0"}


def _spdx(licence: str) -> str:
    """SPDX's spelling of the licences that it knows, empty for others: the format allows no free words here."""
    known = licence.strip().lower()
    return known.upper() if known.startswith(("cc-by-", "cc0-")) else _SPDX.get(known, "")
