"""Tokens of pictures: the published examples of each provider."""

from __future__ import annotations

import pytest

from annotators.models.tokens import picture_tokens, rule_of, text_tokens


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (1024, 1024), 765),  # OpenAI, "Calculating costs": 4 tiles
        ("gpt-4o-2024-08-06", (2048, 4096), 1105),  # the same page: 6 tiles
        ("openai/gpt-4o-mini", (1024, 1024), 2833 + 4 * 5667),
        ("gpt-4.1-mini", (1024, 1024), 1659),  # 1024 patches x 1.62
        ("gpt-4.1-mini", (1800, 2400), 2489),  # capped at 1536 patches
        ("o1", (512, 512), 225),
        ("gpt-5.1", (1024, 1024), 70 + 4 * 140),
        ("Qwen/Qwen2.5-VL-7B-Instruct", (1036, 784), 37 * 28 + 2),
        ("qwen3-vl-8b", (1024, 768), 32 * 24 + 2),
        ("gemini-2.5-flash", (384, 384), 258),  # Google, "Understand and count tokens"
        ("gemini-2.5-flash", (960, 540), 6 * 258),  # the same page: crop unit 360, 3 x 2 tiles
        ("claude-sonnet-4-5", (1000, 1000), 1334),  # Anthropic, "Vision": about 1334
        ("OpenGVLab/InternVL3-8B", (448, 448), 256),
        ("a-model-of-ours", (280, 280), 102),
    ],
)
def test_a_picture_counts_as_its_provider_says(model: str, size: tuple[int, int], tokens: int) -> None:
    assert picture_tokens(model, *size) == tokens


def test_an_unknown_family_is_said_to_be_one() -> None:
    assert rule_of("gpt-4o").is_known
    assert not rule_of("a-model-of-ours").is_known


def test_words_count_by_length() -> None:
    assert (text_tokens(0), text_tokens(36), text_tokens(37)) == (0, 10, 11)
