"""Cox's partial likelihood as a loss for networks: any ties, strata, weights and entry, finite at any log-hazard.

The formula and the conventions are those of `hybridx.models.cox_loss`. Sums over risk sets are cumulative
log-sum-exps; with delayed entry they run over the nodes of the tree of `hybridx.models.cox_risk_sets`. Nothing is
exponentiated that is not <= 1, so gradients are finite too, in single and in double precision.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hybridx.errors import InputError
from hybridx.models.cox_event_times import event_times, late_start
from hybridx.models.cox_loss import Ties
from hybridx.models.cox_risk_sets import TreeRiskSets
from hybridx.terms.text import check_name

__all__ = ["cox_loss"]

IntArray = npt.NDArray[np.intp]


def cox_loss(
    log_hazard: Tensor,
    time: Any,
    event: Any,
    *,
    ties: Ties = "efron",
    strata: Any = None,
    weights: Any = None,
    entry: Any = None,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Return the negative log partial likelihood of a batch, to be minimised.

    Parameters
    ----------
    log_hazard : Tensor of float, shape (n,) or (n, 1)
        What the network says, higher is worse; the loss and its gradient stay on its device. Half precision is computed
        in single.
    time : Tensor or array of float, shape (n,)
        Time of the event or of the last follow-up.
    event : Tensor or array of bool, shape (n,)
        True: it happened.
    ties : {"efron", "breslow"}
        What to do about events on the same day.
    strata : Tensor or array, shape (n,), optional
        Patients are compared within their stratum only.
    weights : Tensor or array of float, shape (n,), optional
        Case weights >= 0, constants.
    entry : Tensor or array of float, shape (n,), optional
        Delayed entry: the patient is at risk after this time only. NaN: from the start.
    reduction : {"mean", "sum"}
        Per event (by weight), so that batches of different size weigh alike, or the sum.

    Returns
    -------
    Tensor
        A scalar; 0 with zero gradient for a batch without events.

    Raises
    ------
    InputError
        Shapes differ, or a weight is negative or not finite.

    Source
    ------
    Checked against `hybridx.models.cox_loss.CoxLoss`, and through it against R survival 3.5-3.

    Examples
    --------
    >>> risk = torch.tensor([500.0, -500.0, 0.0], requires_grad=True)
    >>> loss = cox_loss(risk, [3.0, 3.0, 5.0], [True, True, False])
    >>> loss.backward()
    >>> round(loss.item(), 1), risk.grad.tolist()
    (499.7, [0.5, -0.5, 0.0])
    """
    check_name(ties, ("efron", "breslow"), "ties")
    check_name(reduction, ("mean", "sum"), "reduction")
    eta = log_hazard.reshape(-1) if log_hazard.ndim == 2 and log_hazard.shape[1] == 1 else log_hazard
    if eta.ndim != 1:
        msg = f"log_hazard has shape {tuple(log_hazard.shape)} while it should be one column, (n,) or (n, 1)."
        raise InputError(msg)
    if eta.dtype in (torch.float16, torch.bfloat16):
        eta = eta.float()
    days, happened = _array(time, len(eta), "time").astype(np.float64), _array(event, len(eta), "event") != 0
    weight = np.ones(len(eta)) if weights is None else _array(weights, len(eta), "weights").astype(np.float64)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        msg = "weights are finite numbers >= 0."
        raise InputError(msg)
    code = None
    if strata is not None:
        code = np.unique(_array(strata, len(eta), "strata"), return_inverse=True)[1].reshape(-1)
    late = None if entry is None else _array(entry, len(eta), "entry").astype(np.float64)
    if not weight.all():  # weight 0: not there at all
        there = np.flatnonzero(weight)
        days, happened, weight = days[there], happened[there], weight[there]
        code, late = (None if a is None else a[there] for a in (code, late))
        eta = eta[_index(there, eta)]
    if not happened.any():
        return (log_hazard * 0.0).sum()
    # the likelihood knows differences only, and single precision has the most digits near 0
    eta = eta - eta.detach().max()
    total = _sum(eta, days, happened, weight, code, late, ties)
    return total / float(weight[happened].sum()) if reduction == "mean" else total


def _sum(  # noqa: PLR0917
    eta: Tensor,
    days: npt.NDArray[np.float64],
    happened: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    code: IntArray | None,
    late: npt.NDArray[np.float64] | None,
    ties: Ties,
) -> Tensor:
    """Return the sum over events; see `CoxLoss` for its terms."""
    order, end, bounds, group_time = event_times(days, happened, code)
    first = np.zeros(len(days), dtype=np.intp) if code is None else bounds[code]
    begin = late_start(first, bounds, group_time, late, code)
    theta = eta + _constant(np.log(weight), eta)
    if (begin > first).any():
        log_sum = _tree_log_sums(theta, TreeRiskSets(begin, end, len(group_time)))
    else:
        log_sum = _nested_log_sums(theta, order, end, code, len(group_time))
    dead = np.flatnonzero(happened)
    dead = dead[np.argsort(end[dead], kind="stable")]
    group = end[dead] - 1
    mass = np.bincount(group, weight[dead])
    total = _constant(mass, eta) @ log_sum - _constant(weight[dead], eta) @ eta[_index(dead, eta)]
    count = np.bincount(group)
    if ties == "breslow" or count.max() == 1:
        return total
    position = np.arange(len(dead)) - np.append(0, np.cumsum(count))[group]
    later, own = np.flatnonzero(position), np.flatnonzero(count > 1)
    tied = count[group] > 1
    log_own = _segment_log_sums(theta[_index(dead[tied], eta)], np.searchsorted(own, group[tied]), len(own))
    share = torch.exp(log_own - log_sum[_index(own, eta)])
    fraction = _constant(position[later] / count[group[later]], eta)
    rest = torch.log1p(-fraction * share[_index(np.searchsorted(own, group[later]), eta)])
    return total + _constant((mass / count)[group[later]], eta) @ rest


def _nested_log_sums(
    theta: Tensor, order: IntArray, end: IntArray, code: IntArray | None, n_groups: int
) -> Tensor:
    """Return the log of each risk set's sum, everyone followed from the start."""
    ordered = theta[_index(order, theta)]
    sizes = [len(order)] if code is None else np.bincount(code).tolist()
    parts = [part.flip(0).logcumsumexp(0).flip(0) for part in ordered.split(sizes) if len(part)]
    # `end` rises along the order, so a risk set begins with the first row that is still there
    starts = np.searchsorted(end[order], np.arange(1, n_groups + 1), side="left")
    return torch.cat(parts)[_index(starts, theta)]


def _tree_log_sums(theta: Tensor, tree: TreeRiskSets) -> Tensor:
    """Return the log of each risk set's sum, with delayed entry: over the nodes from the root to its leaf."""
    row, node, paths = tree.layout()
    filled, place = np.unique(node, return_inverse=True)
    held = _segment_log_sums(theta[_index(row, theta)], place.reshape(-1), len(filled))
    position = np.full(tree.n_nodes, len(filled))
    position[filled] = np.arange(len(filled))
    held = torch.cat([held, held.new_full((1,), -torch.inf)])
    return torch.logsumexp(held[_index(position[paths], theta)], dim=1)


def _segment_log_sums(values: Tensor, segment: IntArray, n_segments: int) -> Tensor:
    """Return the log of the sum of exp(values) of each segment; none is empty."""
    where = _index(segment, values)
    top = values.new_full((n_segments,), -torch.inf)
    top = top.scatter_reduce(0, where, values.detach(), "amax")
    total = values.new_zeros(n_segments).index_add(0, where, torch.exp(values - top[where]))
    return torch.log(total) + top


def _array(values: Any, n: int, name: str) -> npt.NDArray[Any]:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.shape != (n,):
        msg = f"{name} has shape {array.shape} while log_hazard has {n} rows."
        raise InputError(msg)
    return array


def _index(values: npt.NDArray[Any], like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=torch.int64).to(like.device)


def _constant(values: npt.NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.as_tensor(values).to(like)
