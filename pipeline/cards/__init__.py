"""The dataset card: what a stranger must know to load, trust and cite the dataset, made from the run itself.

The card is part of the published dataset, so it holds nothing that differs between two runs with
equal answers: no clock, no path of the run, no cost. Its YAML head is what the Hub and
``datasets.load_dataset`` read (https://huggingface.co/docs/hub/datasets-cards); a wrong number of
rows there makes loading fail, so a card whose counts do not add up is not made at all.
"""

from __future__ import annotations

import yaml

from .body import card_body
from .facts import CardFacts, ConfigFacts, MachineFacts, SplitFacts
from .head import yaml_head

__all__ = ["CardFacts", "ConfigFacts", "MachineFacts", "SplitFacts", "card"]


def card(facts: CardFacts) -> str:
    """The text of README.md: a YAML head for programs, Markdown for people."""
    head = yaml.safe_dump(yaml_head(facts), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{head}---\n\n{card_body(facts)}\n"
