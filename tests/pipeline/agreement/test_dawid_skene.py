"""Dawid and Skene's own example: 45 patients, five anaesthetists, the first of them three times."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.agreement.dawid_skene import Label, dawid_skene

# Table 1 of the paper: per patient what each anaesthetist said, in order.
TABLE_1 = (
    "111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3|"
    "232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|111 1 1 1 1|111 1 1 1 1|"
    "222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1|111 1 1 1 1|232 2 2 2 2|"
    "111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3|"
    "221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2"
)
LABELS = [
    Label(f"{patient:02}", str(person), label)
    for patient, row in enumerate(TABLE_1.split("|"), 1)
    for person, said in enumerate(row.split(), 1)
    for label in said
]


def test_the_paper_s_estimates() -> None:
    found = dawid_skene(LABELS)
    assert len(LABELS) == 315
    # Table 2: the marginals, then observer 1.
    assert found.shares.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.confusion[0].round(2).tolist() == [
        [0.89, 0.11, 0.0, 0.0],
        [0.07, 0.88, 0.05, 0.0],
        [0.0, 0.34, 0.66, 0.0],
        [0.0, 0.0, 0.56, 0.44],
    ]
    assert found.labels[int(found.chances[2].argmax())] == "2"
    assert found.chances.sum(axis=1) == pytest.approx(np.ones(45))


def test_the_estimate_depends_on_the_labels_alone() -> None:
    assert np.array_equal(dawid_skene(LABELS).chances, dawid_skene(LABELS[::-1]).chances)


def test_a_careless_person_is_told_from_careful_ones() -> None:
    draws = np.random.default_rng(0)
    labels = []
    for item in range(200):
        truth = str(draws.integers(2))
        labels += [Label(f"{item:03}", person, truth) for person in ("a", "b")]
        labels.append(Label(f"{item:03}", "c", str(draws.integers(2))))
    found = dawid_skene(labels)
    assert [round(found.accuracy(person), 1) for person in "abc"] == [1.0, 1.0, 0.5]


def test_one_label_is_enough_and_none_is_refused() -> None:
    assert dawid_skene([Label("i", "p", "x")]).chances.tolist() == [[1.0]]
    with pytest.raises(ValueError, match="no label"):
        dawid_skene([])
