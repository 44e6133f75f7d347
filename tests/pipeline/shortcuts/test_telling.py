"""What a feature tells is what was put into it, and nothing where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.shortcuts.telling import cells_of, columns_of, folds_of, information, told_apart

RNG = np.random.default_rng(0)
HALVES = np.arange(200) % 2 == 1
ALONE = np.arange(200)


def test_a_feature_that_decides_the_class_tells_one_bit() -> None:
    columns = columns_of(["PNG" if fake else "JPEG" for fake in HALVES])
    bits, by_chance, p_value = information(cells_of(columns, is_words=True), HALVES, ALONE, 0)
    assert bits == pytest.approx(1)
    assert by_chance < 0.05
    assert p_value == pytest.approx(1 / 201)
    told = told_apart(columns, HALVES, ALONE, 0)
    assert told.balanced_accuracy == (1.0, pytest.approx(0.97), 1.0)  # the rule of three: 3 of 100 groups
    assert told.auc == (1.0, pytest.approx(0.97), 1.0)


def test_noise_tells_nothing_however_many_values_it_has() -> None:
    columns = columns_of([(float(value),) for value in RNG.normal(size=200)])
    bits, by_chance, p_value = information(cells_of(columns, is_words=False), HALVES, ALONE, 0)
    assert 0 < bits < by_chance
    assert p_value > 0.05
    told = told_apart(columns, HALVES, ALONE, 0)
    assert told.balanced_accuracy[1] < 0.5 < told.balanced_accuracy[2]
    assert told.auc[1] < 0.5 < told.auc[2]


def test_half_of_the_rows_told_is_three_quarters() -> None:
    words = ["odd" if fake and i % 4 == 1 else "plain" for i, fake in enumerate(HALVES)]
    told = told_apart(columns_of(words), HALVES, ALONE, 0)
    assert told.balanced_accuracy[0] == pytest.approx(0.75)
    assert told.auc[0] == pytest.approx(0.75, abs=0.03)
    assert 0.65 < told.balanced_accuracy[1] < 0.75 < told.balanced_accuracy[2] < 0.85


def test_a_group_that_is_known_by_heart_is_not_told() -> None:
    groups = np.arange(200) // 10
    fake = groups % 2 == 1
    columns = columns_of([f"camera {group}" for group in groups.tolist()])
    told = told_apart(columns, fake, groups, 0)
    assert told.balanced_accuracy[0] <= 0.6  # rows of the same group would give 1.0
    bits, by_chance, _ = information(cells_of(columns, is_words=True), fake, groups, 0)
    assert bits == pytest.approx(by_chance)  # whichever groups are fake, the names tell as much


def test_unequal_classes_do_not_help_who_always_says_the_same() -> None:
    fake = np.arange(200) < 20
    told = told_apart(columns_of(["same"] * 200), fake, ALONE, 0)
    assert told.balanced_accuracy == (0.5, 0.5, 0.5)
    assert told.auc == (0.5, 0.5, 0.5)


def test_the_same_seed_gives_the_same_figures() -> None:
    columns = columns_of([(float(value),) for value in RNG.normal(size=200)])
    assert told_apart(columns, HALVES, ALONE, 3) == told_apart(columns, HALVES, ALONE, 3)


def test_folds_hold_whole_groups_and_both_classes_and_may_be_made_once() -> None:
    groups = np.arange(200) // 4
    fake = groups % 2 == 1
    folds = folds_of(fake, groups, 3)
    assert [len(np.unique(folds[groups == group])) for group in range(50)] == [1] * 50
    assert [int(fake[folds == fold].sum()) for fold in range(5)] == [20] * 5
    columns = columns_of([(float(value),) for value in RNG.normal(size=200)])
    assert told_apart(columns, fake, groups, 3, folds=folds) == told_apart(columns, fake, groups, 3)
    assert told_apart(columns, fake, groups, 3, folds=folds_of(fake, groups, 4)) != told_apart(columns, fake, groups, 3)


def test_rare_words_share_a_column() -> None:
    words = ["a"] * 5 + ["b"] * 4 + [f"rare {i}" for i in range(40)]
    columns = columns_of(words)
    assert columns.shape == (49, 31)
    assert (columns.sum(axis=1) == 1).all()
    assert columns[0].tolist() == columns[4].tolist() != columns[5].tolist()
    assert columns[-1].argmax() == 30
    assert len(np.unique(cells_of(columns, is_words=True))) == 31


def test_numbers_are_cut_into_tenths_and_equal_ones_stay_together() -> None:
    cells = cells_of(columns_of([(float(i),) for i in range(100)]), is_words=False)
    assert np.bincount(cells).tolist() == pytest.approx([10] * 10, abs=1)
    assert len(np.unique(cells_of(columns_of([(7.0,)] * 50 + [(8.0,)] * 50), is_words=False))) == 2
