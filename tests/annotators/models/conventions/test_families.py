"""Model names as servers spell them, and what is known of their families."""

from __future__ import annotations

import pytest

from annotators.models.conventions import CONVENTIONS, family_of
from annotators.models.conventions.families import FAMILIES


@pytest.mark.parametrize(
    ("model", "family", "convention"),
    [
        ("Qwen/Qwen2-VL-7B-Instruct", "Qwen2-VL", "thousandths_xyxy"),
        ("Qwen/Qwen2.5-VL-72B-Instruct-AWQ", "Qwen2.5-VL", "view_pixels_xyxy"),
        ("qwen2.5vl:7b", "Qwen2.5-VL", "view_pixels_xyxy"),
        ("Qwen/Qwen3-VL-8B-Instruct", "Qwen3-VL", "thousandths_xyxy"),
        ("gemini-2.5-flash", "Gemini", "thousandths_yxyx"),
        ("google/paligemma-3b-mix-448", "PaliGemma", "bins1024_yxyx"),
        ("gpt-4o-mini", "GPT", "thousandths_xyxy"),
        ("openai/gpt-5.1", "GPT", "thousandths_xyxy"),
        ("OpenGVLab/InternVL3-8B", "InternVL", "thousandths_xyxy"),
        ("moonshotai/Kimi-VL-A3B-Instruct", "Kimi-VL", "unit_xyxy"),
        ("allenai/Molmo-7B-D-0924", "Molmo", "percent_xyxy"),
        ("microsoft/Florence-2-large", "Florence-2", "nines_xyxy"),
    ],
)
def test_a_model_is_of_its_family(model: str, family: str, convention: str) -> None:
    found = family_of(model)

    assert found is not None
    assert (found.name, found.convention) == (family, convention)


@pytest.mark.parametrize("model", ["house", "llava-1.6", "my-model", "ANY", "pro1"])
def test_of_most_models_nothing_is_known(model: str) -> None:
    assert family_of(model) is None


def test_every_family_answers_in_a_convention_that_there_is() -> None:
    assert all(family.convention in CONVENTIONS for family in FAMILIES)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
