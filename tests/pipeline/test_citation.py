"""CITATION.cff is YAML of the format's words."""

from __future__ import annotations

import yaml

from pipeline.cards.facts import CardFacts
from pipeline.citation import citation
from schemas.taxonomy import Taxonomy


def test_authors_title_and_licence_stand_in_the_formats_words(taxonomy: Taxonomy) -> None:
    facts = CardFacts(title="A: b", recipe="r", task="artifacts", taxonomy=taxonomy, configs=(), licence="cc-by-4.0")
    assert yaml.safe_load(citation(facts, ["The lab: vision", "Another"])) == {
        "cff-version": "1.2.0",
        "type": "dataset",
        "title": "A: b",
        "message": "If you use this dataset, please cite it as below.",
        "authors": [{"name": "The lab: vision"}, {"name": "Another"}],
        "license": "CC-BY-4.0",
    }


def test_a_licence_that_spdx_does_not_know_is_left_out(taxonomy: Taxonomy) -> None:
    facts = CardFacts(title="A", recipe="r", task="artifacts", taxonomy=taxonomy, configs=(), licence="other")
    assert "license" not in yaml.safe_load(citation(facts, ["One"]))
