"""The loss of network heads: equal to the numpy likelihood, with finite gradients wherever a network may wander."""

import numpy as np
import pytest
import torch

from hybridx.errors import InputError
from hybridx.models.cox_loss import CoxLoss
from hybridx.models.cox_newton import fit_cox
from hybridx.models.torch_cox import cox_loss
from tests.models.test_cox_loss import SETS, choose, world

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}


def graded(eta, *args, dtype=torch.float64, device="cpu", **kwargs):
    risk = torch.tensor(eta, dtype=dtype, device=device, requires_grad=True)
    loss = cox_loss(risk, *args, reduction="sum", **kwargs)
    loss.backward()
    return loss.item(), risk.grad.cpu().numpy()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("what", SETS, ids="+".join)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("spread", [1.0, 500.0])
def test_equals_the_numpy_likelihood(what, ties, spread, dtype, device):
    data = world(11)
    eta = (spread * np.clip(data["eta"], -1, 1)).astype(np.float32).astype(float)
    settings = {"ties": ties, **choose(data, what)}
    value, slope = graded(eta, data["time"], data["event"], dtype=dtype, device=device, **settings)
    peer = CoxLoss(data["time"], data["event"], **settings)
    assert value == pytest.approx(peer.value(eta), rel=TOLERANCE[dtype])
    np.testing.assert_allclose(slope, peer.gradient(eta), atol=TOLERANCE[dtype])


@pytest.mark.parametrize("what", SETS, ids="+".join)
def test_gradient_is_that_of_the_value(what):
    data = world(12, n=12)
    risk = torch.tensor(data["eta"], requires_grad=True)
    settings = choose(data, what)
    torch.autograd.gradcheck(lambda eta: cox_loss(eta, data["time"], data["event"], **settings), risk)


def test_shift_changes_nothing_in_single_precision():
    data = world(13)
    value, slope = graded(data["eta"], data["time"], data["event"], dtype=torch.float32)
    for shift in (-500.0, 500.0):
        there, moved = graded(data["eta"] + shift, data["time"], data["event"], dtype=torch.float32)
        # a log-hazard of 500 has steps of 3e-5 in single precision
        assert there == pytest.approx(value, abs=0.01)
        np.testing.assert_allclose(moved, slope, atol=1e-3)


@pytest.mark.parametrize("weights", [None, [0.0, 0.0, 1.0]])
def test_a_batch_without_events_is_silent(weights):
    event = [False] * 3 if weights is None else [True, True, False]
    value, slope = graded([1.0, -2.0, 500.0], [1.0, 2.0, 3.0], event, weights=weights)
    assert value == 0.0
    np.testing.assert_array_equal(slope, 0.0)


def test_mean_is_per_event_and_columns_are_taken():
    data = world(14)
    column = torch.tensor(data["eta"])[:, None]
    time, event = torch.tensor(data["time"]), torch.tensor(data["event"])
    mean = cox_loss(column, time[:, None], event[:, None])
    assert mean.item() == pytest.approx(
        CoxLoss(data["time"], data["event"]).value(data["eta"]) / event.sum().item()
    )
    assert mean.ndim == 0


def test_half_precision_is_computed_in_single():
    data = world(15)
    risk = torch.tensor(data["eta"], dtype=torch.bfloat16)
    loss = cox_loss(risk, data["time"], data["event"], reduction="sum")
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(
        CoxLoss(data["time"], data["event"]).value(risk.double().numpy()), rel=1e-5
    )


def test_a_linear_network_learns_cox_regression():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    time, event = np.ceil(20 * rng.exponential(size=200) * np.exp(-X[:, 0])), rng.random(200) < 0.7
    layer = torch.nn.Linear(3, 1, bias=False, dtype=torch.float64)
    search = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        loss = cox_loss(layer(torch.tensor(X)), time, event)
        loss.backward()
        return loss

    search.step(closure)
    np.testing.assert_allclose(layer.weight.detach().numpy()[0], fit_cox(X, time, event).coef, atol=1e-4)


def test_impossible_arguments_are_refused():
    with pytest.raises(InputError, match=r"time has shape \(2,\) while log_hazard has 3 rows"):
        cox_loss(torch.zeros(3), [1.0, 2.0], [1, 1, 1])
    with pytest.raises(InputError, match="one column"):
        cox_loss(torch.zeros(3, 2), [1.0, 2.0, 3.0], [1, 1, 1])
    with pytest.raises(InputError, match="weights are finite"):
        cox_loss(torch.zeros(1), [1.0], [1], weights=[-1.0])
