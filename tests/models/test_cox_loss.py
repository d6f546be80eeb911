"""Partial likelihood with ties, strata, weights and delayed entry, against the formula in 60 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.cohort import Outcome
from hybridx.errors import InputError
from hybridx.models.losses import CoxLoss, make_loss

mpmath.mp.dps = 450  # log-hazards of +-500 differ by 434 orders of magnitude


def world(seed, n=30, p=3):
    rng = np.random.default_rng(seed)
    time = rng.integers(2, 12, size=n).astype(float)
    event = rng.random(n) < 0.6
    event[0] = True
    return {
        "time": time,
        "event": event,
        "strata": rng.integers(0, 3, size=n),
        "weights": rng.choice([0.0, 0.5, 1.0, 2.5], size=n, p=[0.1, 0.3, 0.4, 0.2]),
        "entry": np.where(rng.random(n) < 0.3, 0.0, np.floor(rng.random(n) * time)),
        "eta": rng.normal(size=n),
        "X": rng.normal(size=(n, p)),
    }


def choose(data, what):
    return {name: data[name] for name in ("strata", "weights", "entry") if name in what}


def by_the_book(data, eta, ties, what):
    """Return value and gradient of the formula on the page, patient by patient."""
    n = len(eta)
    strata = data["strata"] if "strata" in what else np.zeros(n)
    weight = data["weights"] if "weights" in what else np.ones(n)
    entry = data["entry"] if "entry" in what else np.full(n, -1.0)
    e = [mpmath.mpf(float(w)) * mpmath.exp(mpmath.mpf(float(x))) for w, x in zip(weight, eta, strict=True)]
    total, slope = mpmath.mpf(0), [mpmath.mpf(0)] * n
    dead = data["event"] & (weight > 0)
    for s, t in {(s, t) for s, t in zip(strata[dead], data["time"][dead], strict=True)}:
        inside = (strata == s) & (weight > 0)
        deaths = np.flatnonzero(inside & dead & (data["time"] == t))
        risk = np.flatnonzero(inside & (data["time"] >= t) & (entry < t))
        d, mass = len(deaths), float(weight[deaths].sum())
        terms = [(k / mpmath.mpf(d), mass / d) for k in range(d)] if ties == "efron" else [(0, mass)]
        for i in deaths:
            total -= float(weight[i]) * mpmath.mpf(float(eta[i]))
            slope[i] -= float(weight[i])
        for fraction, w in terms:
            below = sum(e[j] for j in risk) - fraction * sum(e[j] for j in deaths)
            total += w * mpmath.log(below)
            for j in risk:
                slope[j] += w * e[j] * ((1 - fraction) if j in deaths else 1) / below
    return float(total), np.array([float(x) for x in slope])


SETS = [(), ("strata",), ("weights",), ("entry",), ("strata", "weights", "entry")]


@pytest.mark.parametrize("what", SETS, ids="+".join)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("spread", [1.0, 100.0, 500.0])
def test_value_and_gradient_are_the_formula_in_many_digits(what, ties, spread):
    data = world(len(what))
    eta = spread * np.clip(data["eta"], -1, 1) if spread > 1 else data["eta"]
    loss = CoxLoss(data["time"], data["event"], ties=ties, **choose(data, what))
    value, slope = by_the_book(data, eta, ties, what)
    assert loss.value(eta) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(loss.gradient(eta), slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("what", SETS, ids="+".join)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("spread", [1.0, 400.0])
def test_second_derivatives_are_the_slope_of_the_first(what, ties, spread):
    data = world(3)
    eta, X, h = spread * data["eta"], data["X"], 1e-5
    loss = CoxLoss(data["time"], data["event"], ties=ties, **choose(data, what))
    bend = np.array(
        [(loss.gradient(eta + s) - loss.gradient(eta - s)) / (2 * h) for s in h * np.eye(len(eta))]
    )
    np.testing.assert_allclose(loss.curvature(eta, np.eye(len(eta))), bend.T, atol=1e-6)
    np.testing.assert_allclose(loss.information(eta, X), X.T @ bend @ X, atol=1e-5)
    value, slope, information = loss.second_order(eta, X)
    assert value == loss.value(eta)
    np.testing.assert_array_equal(slope, loss.gradient(eta))
    np.testing.assert_array_equal(information, loss.information(eta, X))


@given(seed=st.integers(0, 10_000), ties=st.sampled_from(["efron", "breslow"]), shift=st.floats(-500, 500))
@settings(max_examples=40, deadline=None)
def test_order_of_rows_and_shift_change_nothing(seed, ties, shift):
    data = world(seed)
    everything = choose(data, ("strata", "weights", "entry"))
    loss = CoxLoss(data["time"], data["event"], ties=ties, **everything)
    order = np.random.default_rng(seed).permutation(len(data["time"]))
    other = CoxLoss(
        data["time"][order], data["event"][order], ties=ties, **{k: v[order] for k, v in everything.items()}
    )
    eta = data["eta"]
    assert other.value(eta[order] + shift) == pytest.approx(loss.value(eta), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(other.gradient(eta[order] + shift), loss.gradient(eta)[order], atol=1e-9)
    np.testing.assert_allclose(
        other.information(eta[order] + shift, data["X"][order]), loss.information(eta, data["X"]), atol=1e-8
    )


@pytest.mark.parametrize("what", SETS, ids="+".join)
def test_breslow_weight_two_is_the_patient_twice(what):
    data = world(5)
    twice = np.repeat(np.arange(len(data["time"])), 2)
    kept = [name for name in what if name != "weights"]
    weighted = CoxLoss(
        data["time"], data["event"], ties="breslow", weights=np.full(30, 2.0), **choose(data, kept)
    )
    doubled = CoxLoss(
        data["time"][twice],
        data["event"][twice],
        ties="breslow",
        **{k: v[twice] for k, v in choose(data, kept).items()},
    )
    assert weighted.value(data["eta"]) == pytest.approx(doubled.value(data["eta"][twice]), rel=1e-12)


def test_weight_zero_is_not_there():
    data = world(6)
    there = data["weights"] > 0
    everything = choose(data, ("strata", "weights", "entry"))
    loss = CoxLoss(data["time"], data["event"], **everything)
    fewer = CoxLoss(data["time"][there], data["event"][there], **{k: v[there] for k, v in everything.items()})
    assert loss.value(data["eta"]) == pytest.approx(fewer.value(data["eta"][there]), rel=1e-12)
    assert not loss.gradient(data["eta"])[~there].any()


def test_strata_are_the_sum_of_their_own_losses():
    data = world(7)
    loss = CoxLoss(data["time"], data["event"], strata=np.array(list("abc"))[data["strata"]])
    parts = [data["strata"] == s for s in range(3)]
    alone = sum(CoxLoss(data["time"][r], data["event"][r]).value(data["eta"][r]) for r in parts)
    assert loss.value(data["eta"]) == pytest.approx(alone, rel=1e-12)


def test_patients_who_enter_late_are_not_compared_with_earlier_deaths():
    # the second patient enters after the only death: nobody is left to compare with
    loss = CoxLoss([5.0, 9.0], [True, False], entry=[0.0, 5.0])
    assert loss.value(np.array([3.0, -2.0])) == pytest.approx(0.0, abs=1e-12)
    from_the_start = CoxLoss([5.0, 9.0], [True, False], entry=[0.0, 4.9])
    assert from_the_start.value(np.zeros(2)) == pytest.approx(np.log(2))


def test_the_loss_of_an_outcome_honours_its_entry():
    data = world(8)
    y = Outcome.survival(data["time"], data["event"], entry_days=data["entry"])
    loss = CoxLoss(data["time"], data["event"], entry=data["entry"])
    assert make_loss(y).value(data["eta"]) == loss.value(data["eta"])
    assert make_loss(y).value(data["eta"]) != CoxLoss(data["time"], data["event"]).value(data["eta"])


def test_nobody_and_nothing():
    nothing = CoxLoss([4.0, 2.0], [False, False], strata=["a", "b"], entry=[1.0, 0.0])
    assert nothing.value(np.zeros(2)) == 0.0 and nothing.size == 0.0
    assert not nothing.curvature(np.zeros(2), np.eye(2)).any()
    assert CoxLoss([], []).value(np.zeros(0)) == 0.0


def test_impossible_arguments_are_refused():
    with pytest.raises(InputError, match="weights are finite numbers >= 0"):
        CoxLoss([1.0, 2.0], [True, True], weights=[1.0, -1.0])
    with pytest.raises(InputError, match="entry has 1 rows where the times have 2"):
        CoxLoss([1.0, 2.0], [True, True], entry=[0.0])
    with pytest.raises(InputError, match=r"exact.*Nearest|ties"):
        CoxLoss([1.0, 2.0], [True, True], ties="exact")
