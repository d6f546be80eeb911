"""The parts of the gated network: masks, gradients, losses, intervals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import ConvergenceError
from hybridx.fusion.gated_inputs import BlockInput
from hybridx.fusion.gated_time import (
    IntervalLoss,
    cumulative_hazard,
    event_cuts,
    mean_log_hazard,
    person_intervals,
)
from hybridx.fusion.gated_training import Batch, Recipe, hide_modalities, train
from hybridx.fusion.network import Shape, forward, from_arrays, new_weights, penalty, to_arrays
from hybridx.fusion.network_losses import BatchedBernoulli, BatchedCox
from hybridx.models.losses import CoxLoss
from hybridx.models.torch_cox import cox_loss

CPU = torch.device("cpu")


def network(hidden=0, pairs=0, networks=2):
    generator = torch.Generator().manual_seed(0)
    shape = Shape((3, 4, 2), 5, hidden, pairs, {"main": 3})
    weights = new_weights(shape, 1, networks, generator)
    noise = {k: v + 0.3 * torch.randn(v.shape, generator=generator) for k, v in weights.items()}
    return {k: v.double() for k, v in noise.items()}


def blocks(n=6):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn((1, n, k), generator=generator).double() for k in (3, 4, 2)]


def pattern(rows):
    return torch.tensor([rows], dtype=torch.bool)


MIXED = pattern([[1, 1, 1], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(("hidden", "pairs"), [(0, 0), (4, 0), (0, 3)])
def test_attention_adds_up_to_one_over_what_is_measured(hidden, pairs):
    output, attention = forward(network(hidden, pairs), blocks(), MIXED)
    assert output["main"].shape == (1, 2, 6, 3) and attention.shape == (1, 2, 6, 3)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(1, 2, 6, dtype=torch.float64))
    assert (attention[:, :, ~MIXED[0]] == 0).all()
    assert (attention[:, :, MIXED[0]] > 0).all()


@pytest.mark.parametrize(("hidden", "pairs"), [(0, 0), (4, 0), (0, 3)])
def test_what_stands_in_an_absent_block_does_not_matter(hidden, pairs):
    weights, data = network(hidden, pairs), blocks()
    before, _ = forward(weights, data, MIXED)
    for m, block in enumerate(data):
        block[0, ~MIXED[0, :, m]] = 1e3
    after, _ = forward(weights, data, MIXED)
    torch.testing.assert_close(after["main"], before["main"], rtol=0, atol=0)
    # while the same change where it is measured does
    data[1][0, MIXED[0, :, 1]] += 1.0
    changed = (forward(weights, data, MIXED)[0]["main"] != before["main"]).any(dim=(0, 1, 3))
    assert changed.tolist() == MIXED[0, :, 1].tolist()


@pytest.mark.parametrize(("hidden", "pairs"), [(0, 0), (4, 0), (0, 3)])
def test_every_weight_gets_a_gradient_and_absent_modalities_get_none(hidden, pairs):
    weights = {k: v.requires_grad_(requires_grad=True) for k, v in network(hidden, pairs).items()}
    without_second = pattern([[1, 0, 1], [1, 0, 1], [0, 0, 1]])
    output, _ = forward(weights, blocks(3), without_second)
    output["main"].square().sum().backward()
    for name, weight in weights.items():
        grown = bool((weight.grad != 0).any())
        assert grown == (not name.startswith(("encoder1", "pairs1"))), name


def test_networks_side_by_side_are_the_networks_one_by_one():
    weights, data = network(4, 2, networks=3), blocks()
    together, _ = forward(weights, data, MIXED)
    for s in range(3):
        alone, _ = forward({k: v[:, [s]] for k, v in weights.items()}, data, MIXED)
        torch.testing.assert_close(alone["main"][:, 0], together["main"][:, s])


@pytest.mark.parametrize("hidden", [0, 6])
def test_an_untrained_network_says_nothing_and_decay_spares_only_the_intercepts(hidden):
    weights = new_weights(Shape((3, 4), 5, hidden, 0, {"main": 2}), 2, 3, torch.Generator().manual_seed(0))
    output, _ = forward(
        weights, [torch.ones(2, 4, 3), torch.ones(2, 4, 4)], torch.ones(2, 4, 2, dtype=torch.bool)
    )
    assert (output["main"] == 0).all()
    start = {k: v.clone() for k, v in weights.items()}
    weights["main.bias"] += 7.0
    assert (penalty(weights, start) == 0).all()
    weights["attention.bias"][0] += 1.0
    weights["evidence"][1, 2] += 2.0
    assert penalty(weights, start).tolist() == [[1, 1, 1], [0, 0, 2]]


def test_pairs_are_products_of_two_measured_modalities():
    weights, data = network(pairs=3), blocks()
    weights = {
        k: v if k.startswith("pairs") or k == "main.common" else torch.zeros_like(v)
        for k, v in weights.items()
    }
    output, _ = forward(weights, data, MIXED)
    codes = [data[m] @ weights[f"pairs{m}.weight"][0, 0] * MIXED[..., m, None] for m in range(3)]
    by_hand = codes[0] * codes[1] + codes[0] * codes[2] + codes[1] * codes[2]
    expected = by_hand[0] @ weights["main.common"][0, 0, -3:]
    torch.testing.assert_close(output["main"][0, 0], expected.expand(-1, 3))
    assert (output["main"][0, 0, 2] == 0).all()  # one modality only


def test_weights_survive_as_arrays():
    weights = {k: v.float() for k, v in network(4, 2).items()}
    back = from_arrays(to_arrays(weights), CPU)
    expected, _ = forward({k: v.double() for k, v in weights.items()}, blocks(), MIXED)
    torch.testing.assert_close(forward(back, blocks(), MIXED)[0]["main"], expected["main"])


def test_modality_dropout_hides_measured_modalities_and_never_all():
    rng = np.random.default_rng(0)
    measured = torch.as_tensor(rng.random((1, 4000, 3)) < 0.7)
    measured = measured[:, measured[0].any(dim=1)].repeat(2, 1, 1)
    seen = hide_modalities(measured, 2, 0.4, torch.Generator().manual_seed(1))
    assert seen.shape == (2, 2, measured.shape[1], 3)
    assert not (seen & ~measured[:, None]).any()
    assert seen.any(dim=-1).all()
    assert (seen[0] == seen[1]).all() and (seen[:, 0] != seen[:, 1]).any()
    # of patients with all three: hidden at 0.4 each, save that one stays: 0.4 - 0.4^3 / 3
    full = measured[0].all(dim=1)
    hidden = 1 - seen[0][:, full].double().mean().item()
    assert hidden == pytest.approx(0.4 - 0.4**3 / 3, abs=0.02)
    assert (hide_modalities(measured, 2, 0.0, torch.Generator()) == measured[:, None]).all()
    assert (hide_modalities(measured, 2, 1.0, torch.Generator()).sum(dim=-1) == 1).all()


@pytest.mark.parametrize("whole_days", [False, True])
def test_cox_of_many_folds_is_cox_of_each(whole_days):
    rng = np.random.default_rng(4)
    time = rng.exponential(20, 60) + 1
    time = np.ceil(time / 5) if whole_days else time  # many ties
    event = rng.random(60) < 0.6
    rows = rng.random((3, 60)) < 0.7
    eta = torch.tensor(rng.normal(size=(3, 2, 60, 1)) * 2, dtype=torch.float32, requires_grad=True)
    value = BatchedCox(time, event, rows, CPU)(eta)
    value.sum().backward()
    for f in range(3):
        loss = CoxLoss(time[rows[f]], event[rows[f]])
        for s in range(2):
            score = eta.detach()[f, s, rows[f], 0]
            assert value[f, s].item() == pytest.approx(loss.value(score.numpy()) / loss.size, rel=1e-5)
            peer = cox_loss(score, time[rows[f]], event[rows[f]])
            assert value[f, s].item() == pytest.approx(peer.item(), rel=1e-5)
            expected = loss.gradient(score.double().numpy()) / loss.size
            np.testing.assert_allclose(eta.grad[f, s, rows[f], 0], expected, atol=1e-6)
            assert (eta.grad[f, s, ~rows[f], 0] == 0).all()


@pytest.mark.parametrize("whole_days", [False, True])
def test_cox_with_late_entry_is_cox_of_each(whole_days):
    rng = np.random.default_rng(5)
    time = rng.exponential(20, 60) + 1
    time = np.ceil(time / 5) if whole_days else time
    entry = np.where(rng.random(60) < 0.6, np.floor(rng.random(60) * time), np.nan)
    entry = np.where(entry >= time, np.nan, entry)
    event, rows = rng.random(60) < 0.6, rng.random((3, 60)) < 0.7
    eta = torch.tensor(rng.normal(size=(3, 2, 60, 1)) * 2, dtype=torch.float32, requires_grad=True)
    value = BatchedCox(time, event, rows, CPU, entry)(eta)
    value.sum().backward()
    for f in range(3):
        loss = CoxLoss(time[rows[f]], event[rows[f]], entry=entry[rows[f]])
        for s in range(2):
            score = eta.detach()[f, s, rows[f], 0]
            assert value[f, s].item() == pytest.approx(loss.value(score.numpy()) / loss.size, rel=1e-5)
            expected = loss.gradient(score.double().numpy()) / loss.size
            np.testing.assert_allclose(eta.grad[f, s, rows[f], 0], expected, atol=1e-6)
            assert (eta.grad[f, s, ~rows[f], 0] == 0).all()
    nobody_late = BatchedCox(time, event, rows, CPU, np.zeros(60))(eta)
    torch.testing.assert_close(nobody_late, BatchedCox(time, event, rows, CPU)(eta), rtol=1e-5, atol=1e-5)
    far = torch.tensor([500.0, -500.0, 0.0]).reshape(1, 1, 3, 1).requires_grad_()
    loss = BatchedCox(
        np.array([3.0, 3.0, 5.0]), np.array([1, 1, 0]) > 0, np.ones((1, 3)) > 0, CPU, np.array([0, 1, 4.0])
    )
    loss(far).sum().backward()
    assert torch.isfinite(far.grad).all() and torch.isfinite(loss(far)).all()


def test_an_interval_counts_from_the_entry():
    cuts = np.array([10.0, 20.0])
    time, event = np.array([15.0, 25.0, 18.0, 5.0]), np.array([False, False, True, True])
    entry = np.array([5.0, 12.0, 14.0, np.nan])
    happened, exposed = person_intervals(cuts, time, event, entry)
    assert happened.tolist() == [[0, 0], [0, 0], [0, 1], [1, 0]]
    assert exposed.tolist() == [[0.5, 0.5], [0, 0.8], [0, 0.8], [1, 0]]
    # the event in the interval of its entry: the probability of it among those alive then, up to a constant
    small = np.array([[0.0, -4.0], [0.0, -2.5]])
    hazard, rest = np.logaddexp(0.0, small[:, 1]), 0.6
    exact = np.log(-np.expm1(-rest * hazard))
    ours = -np.array([IntervalLoss(happened[2:3], exposed[2:3]).value(eta) for eta in small])
    assert np.diff(ours)[0] == pytest.approx(np.diff(exact)[0], abs=1e-3)


def test_cox_is_finite_far_out_and_does_not_feel_a_shift():
    time, event = np.array([3.0, 3.0, 5.0]), np.array([True, True, False])
    loss = BatchedCox(time, event, np.ones((1, 3), dtype=bool), CPU)
    eta = torch.tensor([500.0, -500.0, 0.0]).reshape(1, 1, 3, 1).requires_grad_()
    loss(eta).sum().backward()
    assert torch.isfinite(eta.grad).all() and torch.isfinite(loss(eta)).all()
    near = torch.tensor([0.5, -0.2, 0.1]).reshape(1, 1, 3, 1)
    torch.testing.assert_close(loss(near), loss(near + 30.0), atol=1e-5, rtol=0)


def test_interval_loss_is_the_likelihood_of_constant_hazards():
    time, event = np.array([5.0, 10.0, 15.0, 30.0]), np.array([True, False, True, False])
    cuts = np.array([10.0, 20.0])
    happened, exposed = person_intervals(cuts, time, event)
    assert happened.tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]
    assert exposed.tolist() == [[1, 0], [1, 0], [1, 1], [1, 1]]
    assert person_intervals(cuts, np.array([15.0]), np.array([False]))[1].tolist() == [[1, 0.5]]
    logits = np.array([[0.3, -1.0]] * 4)
    h = 1 / (1 + np.exp(-logits[0]))
    likelihood = h[0] * (1 - h[0]) * ((1 - h[0]) * h[1]) * ((1 - h[0]) * (1 - h[1]))
    assert IntervalLoss(happened, exposed).value(logits.ravel()) == pytest.approx(-np.log(likelihood))
    batched = BatchedBernoulli(happened, exposed, np.ones((1, 4), dtype=bool), np.array([2.0]), CPU)
    output = torch.tensor(logits, dtype=torch.float32)[None, None]
    assert batched(output).item() == pytest.approx(-np.log(likelihood) / 2)
    masked = BatchedBernoulli(
        happened, exposed, np.array([[True, False, False, False]]), np.array([1.0]), CPU
    )
    assert masked(output).item() == pytest.approx(-np.log(h[0]))


def test_interval_loss_derivatives():
    rng = np.random.default_rng(0)
    happened, exposed = person_intervals(np.array([4.0, 9.0]), rng.uniform(1, 12, 20), rng.random(20) < 0.5)
    loss, eta, step = IntervalLoss(happened, exposed), rng.normal(size=40), 1e-6
    numeric = [(loss.value(eta + step * e) - loss.value(eta - step * e)) / (2 * step) for e in np.eye(40)]
    np.testing.assert_allclose(loss.gradient(eta), numeric, atol=1e-6)
    Z = rng.normal(size=(40, 2))
    slope = [
        (Z.T @ (loss.gradient(eta + step * z) - loss.gradient(eta - step * z))) / (2 * step) for z in Z.T
    ]
    np.testing.assert_allclose(loss.information(eta, Z), slope, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_curves_from_hazards_are_curves(data):
    cuts = np.cumsum(data.draw(st.lists(st.floats(0.5, 500), min_size=1, max_size=8)))
    logits = np.array([data.draw(st.lists(st.floats(-12, 12), min_size=len(cuts), max_size=len(cuts)))])
    days = np.sort(data.draw(st.lists(st.floats(0, 2000), min_size=2, max_size=6)))
    curve = np.exp(-cumulative_hazard(logits, cuts, days))[0]
    assert ((curve >= 0) & (curve <= 1)).all() and (np.diff(curve) <= 0).all()
    at_cuts = np.exp(-cumulative_hazard(logits, cuts, np.append(0.0, cuts)))[0]
    assert at_cuts[0] == 1
    np.testing.assert_allclose(at_cuts[1:], np.cumprod(1 / (1 + np.exp(logits[0]))), atol=1e-12)
    # the risk is the log of the area under H
    horizon = float(cuts[-1]) * data.draw(st.floats(0.1, 1.5))
    grid = np.linspace(0, horizon, 20001)
    H = cumulative_hazard(logits, cuts, grid)[0]
    # beyond the last cut nothing is known, and nothing is added
    inside = grid <= cuts[-1]
    area = np.sum((H[1:] + H[:-1])[inside[1:]] / 2) * grid[1]
    assert mean_log_hazard(logits, cuts, horizon)[0] == pytest.approx(np.log(area / horizon), abs=0.02)


def test_cuts_share_out_the_events():
    rng = np.random.default_rng(3)
    time, event = rng.exponential(100, 400), rng.random(400) < 0.5
    cuts = event_cuts(time, event, 8)
    assert len(cuts) == 8 and cuts[-1] == time.max() and (np.diff(cuts) > 0).all()
    counts = np.histogram(time[event], np.append(0, cuts))[0]
    assert counts.max() - counts.min() <= 2
    assert len(event_cuts(time[:40], event[:40], 8)) == event[:40].sum() // 8
    assert event_cuts(np.array([5.0, 5.0, 9.0]), np.array([True, True, True]), 8).tolist() == [9.0]


def test_inputs_have_total_variance_one_and_ignore_what_is_not_measured():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(40, 60)) @ rng.normal(size=(60, 60)) * 10.0 ** rng.integers(0, 4, 60)
    names = [f"pet.x{j}" for j in range(60)]
    block = BlockInput.fit(matrix, names, 12)
    inputs = block.transform(matrix, np.ones(40, dtype=bool))
    assert inputs.shape == (40, 12)
    assert inputs.var(axis=0).sum() == pytest.approx(1)
    correlation = np.corrcoef(inputs.T)
    np.testing.assert_allclose(correlation, np.eye(12), atol=1e-8)
    some = np.arange(40) % 2 == 0
    matrix[~some] = 1e6
    half = block.transform(matrix, some)
    np.testing.assert_allclose(half[some], inputs[some])
    assert (half[~some] == 0).all()
    assert BlockInput.fit(np.ones((10, 2)), names[:2], 5) is None


def batch_of(value, sizes):
    return Batch(
        blocks=[value],
        measured=torch.ones(1, value.shape[1], 1, dtype=torch.bool),
        losses={
            "main": BatchedCox(
                np.arange(1.0, 21.0), np.ones(20, dtype=bool), np.ones((1, 20), dtype=bool), CPU
            )
        },
        sizes=sizes,
        parts={"main": 1.0},
        start={"main": np.zeros(1)},
    )


def test_a_loss_that_is_not_finite_is_named():
    recipe = Recipe(2, 0, 0, 0.0, 0.0, 0.05, 0, "cpu")
    good = torch.randn((1, 20, 2), generator=torch.Generator().manual_seed(0))
    weights = train(batch_of(good, {"main": 1}), recipe, [0.1, 0.1], 3)
    assert all(torch.isfinite(w).all() for w in weights.values())
    bad = good.clone()
    bad[0, 3, 0] = float("inf")
    with pytest.raises(
        ConvergenceError, match=r"The main head's loss is not finite at epoch 1 \(learning_rate=0\.05"
    ):
        train(batch_of(bad, {"main": 1}), recipe, [0.1], 3)


def test_training_leaves_the_global_generator_alone():
    recipe = Recipe(2, 0, 0, 0.2, 0.2, 0.05, 0, "cpu")
    good = torch.randn((1, 20, 2), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = train(batch_of(good, {"main": 1}), recipe, [0.1], 5)
    assert torch.rand(1) == expected
    second = train(batch_of(good, {"main": 1}), recipe, [0.1], 5)
    assert all((first[k] == second[k]).all() for k in first)
