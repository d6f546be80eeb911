r"""Who is at risk at each event time, and sums over them in both directions, without ever subtracting.

Patient i is at risk at the event times of the stratum in :math:`(\text{entry}_i, \text{time}_i]`. With every patient
followed from the start, risk sets are nested and their sums are cumulative sums. With delayed entry they are not; the
usual way out, subtracting those who have not entered yet, loses all digits where log-hazards lie far apart. Here the
event times are the leaves of a binary tree, a patient belongs to the few nodes that make up the time at risk, and the
sum of a risk set is the sum of the nodes above its leaf: positive terms only, n log(events) of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

__all__ = ["NestedRiskSets", "RiskSets", "TreeRiskSets"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
# exp(-600) is still a normal double, so weights relative to the largest one keep all their digits below this range
_SAFE_RANGE = 600.0


class RiskSets(ABC):
    """Risk sets of K event times among n rows: rows belong to nodes, and nodes make up risk sets.

    Parameters
    ----------
    row, node : array of int, shape (m,)
        Each membership of a row in a node, sorted by node.
    n_rows, n_nodes : int
        How many there are.
    """

    def __init__(self, row: IntArray, node: IntArray, n_rows: int, n_nodes: int) -> None:
        self._row, self._node, self.n_nodes = row, node, n_nodes
        starts = np.append(0, np.cumsum(np.bincount(node, minlength=n_nodes)))
        self._starts = starts
        # its entries are replaced by the weights of each call
        self._incidence = csr_array((np.empty(len(row)), row, starts), shape=(n_nodes, n_rows))

    @abstractmethod
    def _gather(self, nodes: npt.NDArray[Any], add: np.ufunc) -> npt.NDArray[Any]:
        """Return what the risk sets hold (K, ...) from what their nodes hold."""

    @abstractmethod
    def _scatter(self, groups: npt.NDArray[Any], add: np.ufunc) -> npt.NDArray[Any]:
        """Return what each node's event times hold together from what each event time holds (K, ...)."""

    @abstractmethod
    def _to_rows(self, nodes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the sum over each row's nodes, shape (n, ...)."""

    @abstractmethod
    def _log_to_rows(self, nodes: FloatArray) -> FloatArray:
        """Return the log of the sum over each row's nodes of their exponentials, shape (n,)."""

    def log_sums(self, theta: FloatArray) -> FloatArray:
        """Return the log of the sum of exp(theta) over each risk set, shape (K,)."""
        held = theta[self._row]
        top = float(held.max())
        if top - float(held.min()) > _SAFE_RANGE:
            return self._far_sums(theta)
        nodes = np.bincount(self._node, np.exp(held - top), self.n_nodes)
        return np.asarray(np.log(self._gather(nodes, np.add)) + top)

    def sums(self, theta: FloatArray, log_scale: FloatArray, Z: FloatArray) -> FloatArray:
        """Return the sum of exp(theta - log_scale) Z over each risk set, `log_scale` (K,), `Z` (n, p), shape (K, p)."""
        held = theta[self._row]
        top = float(held.max())
        if top - float(held.min()) > _SAFE_RANGE:
            return _by_column(Z, lambda log_z: np.exp(self._far_sums(theta + log_z) - log_scale))
        incidence = copy(self._incidence)
        incidence.data = np.exp(held - top)
        total = self._gather(incidence @ Z, np.add)
        total *= np.exp(top - log_scale)[:, None]
        return np.asarray(total)

    def back(self, theta: FloatArray, log_scale: FloatArray, V: FloatArray) -> FloatArray:
        """Return exp(theta) times the sum of exp(-log_scale) V over the times at risk, `V` (K,) or (K, p)."""
        low, top = float(log_scale.min()), float(log_scale.max())
        far = top - low > _SAFE_RANGE or float(np.ptp(theta)) > _SAFE_RANGE
        if far and V.ndim == 2:
            return _by_column(V, lambda log_v: np.exp(theta + self._far_back(log_v - log_scale)))
        if far:
            return np.asarray(np.exp(theta + self._far_back(np.log(V) - log_scale)))
        scale, factor = np.exp(low - log_scale), np.exp(theta - low)
        if V.ndim == 2:
            scale, factor = scale[:, None], factor[:, None]
        result = self._to_rows(self._scatter(V * scale, np.add))
        result *= factor
        return np.asarray(result)

    def _far_sums(self, log_values: FloatArray) -> FloatArray:
        return np.asarray(self._gather(_log_reduce(log_values[self._row], self._starts), np.logaddexp))

    def _far_back(self, log_values: FloatArray) -> FloatArray:
        return self._log_to_rows(self._scatter(log_values, np.logaddexp))


class NestedRiskSets(RiskSets):
    """Everyone followed from the start: the node of a row is the last event time at which it is at risk.

    Parameters
    ----------
    row, last : array of int, shape (m,)
        Rows that are at risk at any event time, and the last such time (0 to K - 1), rising.
    bounds : array of int, shape (n_strata + 1,)
        First event time of each stratum, and K.
    n_rows : int
        n.
    """

    def __init__(self, row: IntArray, last: IntArray, bounds: IntArray, n_rows: int) -> None:
        super().__init__(row, last, n_rows, int(bounds[-1]))
        self._n_rows = n_rows
        self._bounds = [(int(a), int(b)) for a, b in pairwise(bounds) if b > a]

    def _gather(self, nodes: npt.NDArray[Any], add: np.ufunc) -> npt.NDArray[Any]:
        result = np.empty_like(nodes)
        for a, b in self._bounds:
            add.accumulate(nodes[a:b][::-1], axis=0, out=result[a:b][::-1])
        return result

    def _scatter(self, groups: npt.NDArray[Any], add: np.ufunc) -> npt.NDArray[Any]:
        result = np.empty_like(groups)
        for a, b in self._bounds:
            add.accumulate(groups[a:b], axis=0, out=result[a:b])
        return result

    def _to_rows(self, nodes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        result = np.zeros((self._n_rows, *nodes.shape[1:]))
        result[self._row] = nodes[self._node]
        return result

    def _log_to_rows(self, nodes: FloatArray) -> FloatArray:
        result = np.full(self._n_rows, -np.inf)
        result[self._row] = nodes[self._node]
        return result


class TreeRiskSets(RiskSets):
    """Delayed entry: a row belongs to the nodes of a binary tree that together make up its time at risk.

    Parameters
    ----------
    first, end : array of int, shape (n,)
        The row is at risk at the event times ``first`` to ``end - 1``.
    n_groups : int
        K.
    """

    def __init__(self, first: IntArray, end: IntArray, n_groups: int) -> None:
        self._depth = max(int(n_groups - 1).bit_length(), 0)
        self._n_groups, leaves = n_groups, 1 << self._depth
        left, right, who = first + leaves, end + leaves, np.arange(len(first))
        rows, nodes = [], []
        while len(who):
            open_ = left < right
            left, right, who = left[open_], right[open_], who[open_]
            for chosen, at in ((left % 2 == 1, left), (right % 2 == 1, right - 1)):
                rows.append(who[chosen])
                nodes.append(at[chosen])
            left, right = (left + 1) // 2, right // 2
        row, node = np.concatenate(rows), np.concatenate(nodes)
        order = np.argsort(node, kind="stable")
        super().__init__(row[order], node[order], len(first), 2 * leaves)
        order = np.argsort(row, kind="stable")
        self._node_of_row = node[order]
        self._row_starts = np.append(0, np.cumsum(np.bincount(row, minlength=len(first))))
        shape = (len(first), 2 * leaves)
        self._membership = csr_array((np.ones(len(row)), self._node_of_row, self._row_starts), shape=shape)

    def layout(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return the memberships (row, node), each (m,), and the nodes from the root to each event time, (K, depth)."""
        leaf = np.arange(self._n_groups) + (1 << self._depth)
        paths = np.column_stack([leaf >> level for level in range(self._depth + 1)])
        return self._row, self._node, paths

    def _gather(self, nodes: npt.NDArray[Any], add: np.ufunc) -> npt.NDArray[Any]:
        total = nodes[1:2]
        for level in range(1, self._depth + 1):
            total = add(np.repeat(total, 2, axis=0), nodes[1 << level : 2 << level])
        return np.asarray(total[: self._n_groups])

    def _scatter(self, groups: npt.NDArray[Any], add: np.ufunc) -> npt.NDArray[Any]:
        leaves = 1 << self._depth
        result = np.full((2 * leaves, *groups.shape[1:]), 0.0 if add is np.add else -np.inf)
        result[leaves : leaves + self._n_groups] = groups
        for level in range(self._depth - 1, -1, -1):
            below = result[2 << level : 4 << level]
            result[1 << level : 2 << level] = add(below[::2], below[1::2])
        return result

    def _to_rows(self, nodes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(self._membership @ nodes)

    def _log_to_rows(self, nodes: FloatArray) -> FloatArray:
        return _log_reduce(nodes[self._node_of_row], self._row_starts)


def _log_reduce(values: FloatArray, starts: IntArray) -> FloatArray:
    """Return the log of the sum of exp(values) of each stretch; -inf where it is empty."""
    result = np.full(len(starts) - 1, -np.inf)
    filled = np.flatnonzero(np.diff(starts))
    if len(filled):
        result[filled] = np.logaddexp.reduceat(values, starts[filled])
    return result


def _by_column(Z: FloatArray, log_linear: Any) -> FloatArray:
    """Return a sum that is linear in `Z`, column by column, from one that takes logs of positive numbers."""
    columns = []
    ones = log_linear(np.zeros(len(Z)))
    for column in Z.T:
        low = min(float(column.min()), 0.0)
        with np.errstate(divide="ignore"):
            logs = np.log(column - low)
        columns.append(log_linear(logs) + (low * ones if low else 0.0))
    return np.column_stack(columns) if columns else np.empty((len(ones), 0))
