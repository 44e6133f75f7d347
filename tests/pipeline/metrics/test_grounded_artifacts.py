"""Masks and words: what the published scores say of known cases, and the corrected ones beside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.grounded_artifacts import (
    foreground_iou,
    mean_iou,
    pixel_f1,
    published_mask,
    rouge_l,
    sentence_similarity,
    without_template,
)
from schemas.geometry import Polygon

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=7)


def masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, half, none = (np.zeros((10, 10), bool) for _ in range(3))
    truth[0, :4], half[0, :2] = True, True
    return truth, half, none


def test_saying_nothing_about_a_small_flaw_scores_nearly_half_as_published() -> None:
    truth, half, none = masks()
    assert mean_iou([(truth, none)]) == pytest.approx((0 + 96 / 100) / 2)
    assert foreground_iou([(truth, none)]) == 0
    assert (foreground_iou([(none, none)]), pixel_f1([(none, none)])) == (1, 1)
    assert mean_iou([(none, none)]) == 100 / (100 + 1e-6) / 2
    assert mean_iou([(truth, half)]) == pytest.approx((0.5 + 96 / 98) / 2)
    assert foreground_iou([(truth, half), (none, none)]) == pytest.approx(0.75)
    assert pixel_f1([(truth, half)]) == pytest.approx(4 / 6)


def test_the_published_mean_iou_stays_a_millionth_of_a_pixel_below_one() -> None:
    truth, _, _ = masks()
    assert mean_iou([(truth, truth)]) == (4 / (4 + 1e-6) + 96 / (96 + 1e-6)) / 2 < 1
    assert foreground_iou([(truth, truth)]) == 1


def test_the_published_mask_truncates_includes_the_outline_and_clamps_nothing() -> None:
    square = Polygon(exterior=((2.9, 2.9), (6.9, 2.9), (6.9, 6.9), (2.9, 6.9)))
    assert np.array_equal(np.argwhere(published_mask([square], 10, 10))[[0, -1]], [[2, 2], [6, 6]])
    assert published_mask([square], 10, 10).sum() == 25
    beyond = Polygon(exterior=((0, 0), (20, 0), (0, 20)))  # clamped, its long side would come nearer
    assert published_mask([beyond], 10, 10).all()


@given(WORDS, WORDS)
def test_rouge_l_equals_brute_force(one: list[str], two: list[str]) -> None:
    def subsequences(words: list[str]) -> set[tuple[str, ...]]:
        found: set[tuple[str, ...]] = {()}
        for word in words:
            found |= {(*head, word) for head in found}
        return found

    longest = max(map(len, subsequences(one) & subsequences(two)))
    assert rouge_l(" ".join(one), " ".join(two)) == pytest.approx(2 * longest / (len(one) + len(two)))


def test_rouge_l_of_the_classic_example() -> None:
    reference = "police killed the gunman"
    assert rouge_l(reference, "police kill the gunman") == pytest.approx(0.75)
    assert rouge_l(reference, "the gunman kill police") == pytest.approx(0.5)
    assert (rouge_l("", ""), rouge_l("a", "")) == (1.0, 0.0)


def test_the_template_raises_scores_until_it_is_stripped() -> None:
    opening, listing = (
        "Upon examining the image. I have found: ",
        "\nTo elaborate, I have found the following artifacts. ",
    )
    one, two = (f"{opening}{word}{listing}{word}:{word}" for word in ("hand", "roof"))
    assert rouge_l(one, two) > 0.7
    assert without_template(one) == "hand hand:hand"
    assert rouge_l(without_template(one), without_template(two)) == 0


def test_similarity_is_the_mean_cosine() -> None:
    vectors = {"x": [1.0, 0.0], "y": [0.0, 2.0], "d": [1.0, 1.0], "0": [0.0, 0.0]}
    found = sentence_similarity(["x", "x", "y"], ["d", "0", "y"], lambda texts: np.array([vectors[t] for t in texts]))
    assert found == pytest.approx((2**-0.5 + 0 + 1) / 3)
