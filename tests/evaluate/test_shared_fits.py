"""Strategies in one fold share equal fits, and nobody can tell from the scores."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from hybridx.compute.sharing import sharing
from hybridx.evaluate import NestedCV, evaluate
from hybridx.fusion import ConsensusFusion, EarlyFusion, KernelFusion, LateFusion
from hybridx.models import ridge_models
from tests.evaluate.world import make_cohort


def strategies(endpoint):
    members = {"kernel": KernelFusion(endpoint=endpoint), "late": LateFusion(endpoint=endpoint)}
    return {
        **members,
        "early": EarlyFusion(endpoint=endpoint),
        "consensus": ConsensusFusion(members, endpoint=endpoint),
    }


def run(monkeypatch, around, endpoint, **settings):
    fits = []
    learn = ridge_models.RidgeModel._fit

    def counted(self, data):
        fits.append(len(data.y))
        return learn(self, data)

    with monkeypatch.context() as patched:
        patched.setattr("hybridx.evaluate.folds.sharing", around)
        patched.setattr(ridge_models.RidgeModel, "_fit", counted)
        result = evaluate(
            strategies("response" if endpoint == "response" else "survival"),
            make_cohort(80, 3),
            endpoint,
            NestedCV(folds=2, repeats=1),
            resamples=100,
            workers=1,
            progress=False,
            **settings,
        )
    return result, len(fits)


@pytest.mark.parametrize("endpoint", ["OS", "response"])
def test_predictions_are_the_same_to_the_last_bit_with_fewer_fits(monkeypatch, endpoint):
    stores = []

    @contextmanager
    def watched():
        with sharing() as store:
            stores.append(store)
            yield store

    alone, many = run(monkeypatch, nullcontext, endpoint)
    together, few = run(monkeypatch, watched, endpoint)
    assert alone.predictions.equals(together.predictions)
    assert alone.curves.equals(together.curves) and alone.run_notes == together.run_notes
    assert len(stores) == 2  # one for each fold
    # the tuned models of `late` (three modalities, and five inner folds of each) serve the consensus and the baselines,
    # the evidence of `kernel` and of its five refits serves the consensus too
    assert all(store.reused >= 24 for store in stores), stores
    assert few <= many - 2 * 21


def test_coalitions_share_the_models_of_their_modalities(monkeypatch):
    def late(around):
        with monkeypatch.context() as patched:
            patched.setattr("hybridx.evaluate.folds.sharing", around)
            return evaluate(
                {"late": LateFusion()},
                make_cohort(80, 3),
                "OS",
                NestedCV(folds=2, repeats=1),
                coalitions=True,
                resamples=100,
                workers=1,
                progress=False,
            )

    alone, together = late(nullcontext), late(sharing)
    assert alone.predictions.equals(together.predictions)
    assert alone.added_value("harrell_c").increments.equals(together.added_value("harrell_c").increments)


def test_what_a_fold_learnt_stays_in_the_fold():
    """Test rows without any value leave every fit untouched, shared or not."""
    cohort = make_cohort(80, 3)
    X, y = cohort.frame(), cohort.outcomes("OS")
    train, test = np.arange(50), np.arange(50, 80)
    with sharing() as store:
        first = LateFusion().fit(X[train], y[train])
        LateFusion().fit(X[test], y[test])
        made = store.made
        again = LateFusion().fit(X[train], y[train])
        assert store.made == made
    assert np.array_equal(first.predict(X[test]), again.predict(X[test]))
    assert np.array_equal(first.predict(X[test]), LateFusion().fit(X[train], y[train]).predict(X[test]))
