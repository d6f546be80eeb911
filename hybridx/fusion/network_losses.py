r"""Losses of many networks at once, each on the training patients of its own fold.

Cox: negative log partial likelihood with Efron's ties. Time intervals: with hazard :math:`h_{ij} = \sigma(f_{ij})` of
interval j,

.. math:: -\sum_{ij} d_{ij} \log h_{ij} + (e_{ij} - d_{ij}) \log (1 - h_{ij})
   = \sum_{ij} e_{ij} \log(1 + e^{f_{ij}}) - d_{ij} f_{ij},

where d is 1 in the interval of the event, and e the share of the interval that the patient was followed (1 in that of
the event; see `hybridx.fusion.gated_time` for late entry). Response: the same with one column and e = 1.

Source
------
Gensheimer & Narasimhan 2019, doi:10.7717/peerj.6257; Kvamme & Borgan 2021, doi:10.1007/s10985-021-09532-6 (the share of
an interval is their constant hazard within it).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

__all__ = ["BatchedBernoulli", "BatchedCox", "BatchedLoss"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_LEAST = 1e-300  # share of the largest hazard below which a risk set is empty
_NOBODY = -1e4  # log-hazard of a row that is not there: its exponential is 0, and 0 - 0 never happens


class BatchedLoss(Protocol):
    """Negative log-likelihood per event of F data sets."""

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Return the loss of outputs (F, S, n, size), shape (F, S)."""


class BatchedCox:
    """Negative log partial likelihood (Efron ties) per event.

    Parameters
    ----------
    time_days, event : arrays, shape (n,)
        What happened.
    train : array of bool, shape (F, n)
        Patients of each data set.
    device : torch.device
        Where the outputs are.
    entry_days : array, shape (n,), optional
        Delayed entry; NaN: from the start. Risk sets are then sums over a table of events by patients, in double
        precision.

    Source
    ------
    Checked against `hybridx.models.losses.CoxLoss`, value and gradient, to 1e-5 (single precision).
    """

    def __init__(
        self,
        time_days: FloatArray,
        event: BoolArray,
        train: BoolArray,
        device: torch.device,
        entry_days: FloatArray | None = None,
    ) -> None:
        n, plans = len(time_days), [_risk_sets(time_days, event, rows) for rows in train]
        n_events = max(len(p["first"]) for p in plans)
        ties = max(p["tied"].shape[1] for p in plans)

        def padded(name: str, size: tuple[int, ...], fill: float, dtype: torch.dtype) -> torch.Tensor:
            full = np.full((len(plans), *size), fill)
            for f, plan in enumerate(plans):
                full[(f, *[slice(0, s) for s in plan[name].shape])] = plan[name]
            return torch.as_tensor(full, dtype=dtype, device=device)

        self._order = padded("order", (n,), n, torch.long)[:, None]
        self._first = padded("first", (n_events,), n, torch.long)[:, None]
        self._after = padded("after", (n_events,), n, torch.long)[:, None]
        self._tied = padded("tied", (n_events, ties), n, torch.long).flatten(1)[:, None]
        self._log_share = padded("log_share", (n_events,), 0.0, torch.float32)[:, None]
        self._there = padded("there", (n_events,), 0.0, torch.float32)[:, None]
        self._size = self._there.sum(dim=-1).clamp_min(1.0)
        self._later = None
        if entry_days is not None:
            later = np.zeros((len(plans), n, n_events))
            for f, (plan, rows) in enumerate(zip(plans, train, strict=True)):
                later[f, :, : len(plan["first"])] = _later(plan, time_days, event, entry_days, rows).T
            self._later = torch.as_tensor(later, dtype=torch.float64, device=device)[:, None]

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Return the loss of log-hazards (F, S, n, 1), shape (F, S)."""
        eta = functional.pad(output[..., 0], (0, 1), value=_NOBODY)
        networks = eta.shape[1]

        def at(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
            return torch.gather(values, 2, index.expand(-1, networks, -1))

        ordered = functional.pad(at(eta, self._order), (0, 1), value=_NOBODY)
        if self._later is None:
            at_risk = torch.logcumsumexp(ordered.flip(-1), dim=-1).flip(-1)
            after = at(at_risk, self._after)
        else:
            top = output[..., 0].detach().amax(dim=-1, keepdim=True)
            each = (output[..., 0] - top).double().exp()
            total = (each[:, :, None] @ self._later)[:, :, 0]
            after = total.clamp_min(_LEAST).log().to(output.dtype) + top
        tied = at(ordered, self._tied).unflatten(2, (self._first.shape[2], -1)).logsumexp(dim=-1)
        denominator = torch.logaddexp(after, tied + self._log_share)
        return ((denominator - at(ordered, self._first)) * self._there).sum(dim=-1) / self._size


def _risk_sets(
    time_days: FloatArray, event: BoolArray, train: BoolArray
) -> dict[str, npt.NDArray[np.float64]]:
    """Return, for the events of one data set in order of time, where their risk sets begin and who is tied."""
    rows = np.flatnonzero(train)
    order = rows[
        np.lexsort((~event[rows], time_days[rows]))
    ]  # at one time the events come before the censored
    time, events = time_days[order], np.flatnonzero(event[order])
    _, first, group, count = np.unique(
        time[events], return_index=True, return_inverse=True, return_counts=True
    )
    begin = np.searchsorted(time, time[events], side="left")
    size = count[group]
    step = np.arange(count.max(initial=1))
    tied = np.where(step < size[:, None], begin[:, None] + step, len(train))
    share = (np.arange(len(events)) - first[group]) / np.maximum(size, 1)
    return {
        "order": order,
        "first": events,
        "after": begin + size,
        "tied": tied,
        "log_share": np.log1p(-share),
        "there": np.ones(len(events)),
    }


def _later(
    plan: dict[str, npt.NDArray[np.float64]],
    time_days: FloatArray,
    event: BoolArray,
    entry_days: FloatArray,
    train: BoolArray,
) -> BoolArray:
    """Return who is at risk beside those with an event on the same day, events by patients."""
    when = time_days[plan["order"][plan["first"].astype(int)].astype(int)][:, None]
    still = (time_days > when) | ((time_days == when) & ~event)
    entered = ~(np.asarray(entry_days) >= when)  # NaN: from the start
    return still & entered & train


class BatchedBernoulli:
    """Negative log-likelihood of yes/no in each of several intervals (or once), per event.

    Parameters
    ----------
    happened, exposed : arrays, shape (n, size)
        d and e above.
    train : array of bool, shape (F, n)
        Patients of each data set.
    size : array of float, shape (F,)
        Events of each data set, by which the sum is divided.
    device : torch.device
        Where the outputs are.
    """

    def __init__(
        self,
        happened: FloatArray,
        exposed: FloatArray,
        train: BoolArray,
        size: FloatArray,
        device: torch.device,
    ) -> None:
        inside = train[:, None, :, None].astype(np.float64)
        self._happened = torch.as_tensor(inside * happened, dtype=torch.float32, device=device)
        self._exposed = torch.as_tensor(inside * exposed, dtype=torch.float32, device=device)
        self._size = torch.as_tensor(np.maximum(size, 1.0), dtype=torch.float32, device=device)[:, None]

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Return the loss of log-odds (F, S, n, size), shape (F, S)."""
        each = self._exposed * functional.softplus(output) - self._happened * output
        return each.sum(dim=(2, 3)) / self._size
