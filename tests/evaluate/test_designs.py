from collections import Counter

import numpy as np
import pytest

from hybridx.errors import NotEnoughDataError, SettingsError
from hybridx.evaluate.designs import NestedCV, deal_folds, design_from_dict, design_to_dict
from tests.evaluate.world import make_cohort


def members(cohort, splits):
    """Name each split's test part by patients, so that row order cannot hide a difference."""
    return [(s.repeat, s.fold, tuple(cohort.patients[i] for i in s.test)) for s in splits]


def test_each_repeat_tests_every_patient_once_and_never_trains_on_them():
    cohort = make_cohort(60, unknown=5)
    splits = NestedCV(folds=4, repeats=3, seed=2).splits(cohort, "OS")
    known = np.flatnonzero(cohort.outcomes("OS").known)
    assert len(splits) == 12
    for repeat in range(3):
        tests = np.concatenate([s.test for s in splits if s.repeat == repeat])
        assert sorted(tests) == sorted(known)
    for split in splits:
        assert not set(split.train) & set(split.test)
        assert sorted([*split.train, *split.test]) == sorted(known)


def test_folds_differ_by_at_most_one_event_and_one_patient():
    cohort = make_cohort(83)
    y = cohort.outcomes("OS")
    for repeat in range(2):
        splits = [s for s in NestedCV(5, 2).splits(cohort, y) if s.repeat == repeat]
        events = [int(y.event[s.test].sum()) for s in splits]
        sizes = [len(s.test) for s in splits]
        assert max(events) - min(events) <= 1
        assert max(sizes) - min(sizes) <= 1


def test_folds_hang_on_patients_and_seed_not_on_row_order():
    cohort = make_cohort(50, seed=3)
    turned = cohort.select(sorted(cohort.patients, reverse=True))
    design = NestedCV(5, 2, seed=7)
    assert members(cohort, design.splits(cohort, "OS")) == members(turned, design.splits(turned, "OS"))
    other = NestedCV(5, 2, seed=8)
    assert members(cohort, design.splits(cohort, "OS")) != members(cohort, other.splits(cohort, "OS"))


def test_rows_of_one_unit_stay_together():
    ids = [f"u{i // 3}" for i in range(60)]
    fold = deal_folds(ids, [i // 3 % 2 for i in range(60)], 5, seed=1)
    assert all(len(set(fold[3 * u : 3 * u + 3])) == 1 for u in range(20))
    assert set(Counter(fold.tolist()).values()) == {12}


@pytest.mark.parametrize(
    ("n", "folds", "words"),
    [(1, 5, "1 patient with"), (8, 5, "8 patients with"), (11, 6, "11 patients with")],
)
def test_too_few_patients_are_refused_with_numbers_and_a_cure(n, folds, words):
    with pytest.raises(NotEnoughDataError, match=words) as caught:
        NestedCV(folds=folds).splits(make_cohort(n, seed=1), "OS")
    assert f"{folds} folds need at least {2 * folds} patients" in str(caught.value)


def test_no_events_and_few_events_are_refused():
    cohort = make_cohort(40)
    y = cohort.outcomes("OS")
    none = type(y).survival(y.time_days, np.zeros(40), endpoint="OS")
    with pytest.raises(NotEnoughDataError, match=r"0 events.*No number of folds helps"):
        NestedCV().splits(cohort, none)
    seven = type(y).survival(y.time_days, np.arange(40) < 7, endpoint="OS")
    with pytest.raises(NotEnoughDataError, match=r"7 events.*Use NestedCV\(folds=7\)"):
        NestedCV(folds=10).splits(cohort, seven)
    all_respond = type(y).response(np.ones(40))
    with pytest.raises(NotEnoughDataError, match="0 non-responders"):
        NestedCV().splits(cohort, all_respond)


@pytest.mark.parametrize(
    "settings", [{"folds": 1}, {"repeats": 0}, {"seed": -1}, {"folds": 2.5}, {"folds": True}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SettingsError, match="whole number"):
        NestedCV(**settings)


def test_a_design_survives_as_plain_settings():
    design = NestedCV(3, 4, 5)
    assert design_from_dict(design_to_dict(design)) == design
    with pytest.raises(SettingsError, match="Did you mean 'NestedCV'"):
        design_from_dict({"name": "NestdCV"})
