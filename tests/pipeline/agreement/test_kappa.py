"""Kappas against published tables and nltk."""

from __future__ import annotations

import random

import numpy as np
import pytest
from nltk.metrics.agreement import AnnotationTask

from pipeline.agreement.kappa import cohen_kappa, fleiss_kappa

# Fleiss (1971), table 1: 30 patients, six psychiatrists each; depression, personality disorder, schizophrenia,
# neurosis, other.
DIAGNOSES = (
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 00501 30012 51000 "
    "02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
)


def test_fleiss_1971() -> None:
    counts = np.array([[int(digit) for digit in row] for row in DIAGNOSES.split()])
    assert counts.shape == (30, 5)
    assert counts.sum(axis=0).tolist() == [26, 26, 30, 55, 43]
    found = fleiss_kappa(counts)
    assert found is not None
    assert round(found, 3) == 0.430


def test_fleiss_of_ten_items_and_fourteen_raters() -> None:
    rows = (
        "0 0 0 0 14, 0 2 6 4 2, 0 0 3 5 6, 0 3 9 2 0, 2 2 8 1 1, 7 7 0 0 0, 3 2 6 3 0, 2 5 3 2 2, 6 5 2 1 0, 0 2 2 3 7"
    )
    found = fleiss_kappa(np.array([[int(n) for n in row.split()] for row in rows.split(",")]))
    assert found is not None
    assert round(found, 3) == 0.210


def test_fleiss_refuses_what_it_is_not_made_for() -> None:
    with pytest.raises(ValueError, match="equally many"):
        fleiss_kappa(np.array([[1, 1], [2, 1]]))
    assert fleiss_kappa(np.array([[2, 0], [2, 0]])) is None


def test_cohen_by_hand() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed 0.7, chance 0.5.
    one = ["yes"] * 25 + ["no"] * 25
    other = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa(one, one) == pytest.approx(1)
    assert cohen_kappa(["a"], ["a"]) is None
    assert cohen_kappa([], []) is None
    with pytest.raises(ValueError, match="2 labels against 1"):
        cohen_kappa(["a", "b"], ["a"])


def test_nltk_says_the_same() -> None:
    draws = random.Random(5)
    one = [draws.choice("abcd") for _ in range(200)]
    other = [label if draws.random() < 0.6 else draws.choice("abcd") for label in one]
    triples = [(name, str(i), label) for name, row in (("1", one), ("2", other)) for i, label in enumerate(row)]
    assert cohen_kappa(one, other) == pytest.approx(AnnotationTask(triples).kappa(), abs=1e-12)


@pytest.mark.parametrize("items", range(1, 60))
def test_one_label_throughout_gives_no_figure(items: int) -> None:
    assert cohen_kappa(["accepted"] * items, ["accepted"] * items) is None
