"""Weighted counts of pairs in O(n log n), compiled: the inner loops of every concordance.

Patients join a Fenwick tree over the ranks of their risks from the last time back to the first. When a patient with an
event is reached, the tree holds exactly those who were still followed, and two of its prefix sums say how much weight
ranks below and level. A node of the tree holds one sum per weighting, side by side, so that many weightings cost one
walk, and the additions of a step run as vector instructions.
"""

from __future__ import annotations

import numpy as np

from hybridx.compute.compiled import compiled

__all__ = ["rank_bounds", "sum_pairs"]


@compiled
def rank_bounds(score, order, tied):  # noqa: ANN001, ANN201
    """Return the place of each score, how many lie below it, and how many lie below or level with it.

    Level means no further apart than `tied`. That relation is not transitive (a with b, b with c, but not a with c), so
    the two counts are found for each score by itself instead of merging scores into groups.
    """
    n = len(order)
    rank, below, level = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    low = high = 0
    for k in range(n):
        i = order[k]
        while score[i] - score[order[low]] > tied:
            low += 1
        high = max(high, k + 1)
        while high < n and score[order[high]] - score[i] <= tied:
            high += 1
        rank[i], below[i], level[i] = k, low, high
    return rank, below, level


@compiled
def _add(tree, place, weight, sign):  # noqa: ANN001, ANN202
    """Add a row of weights at a place of the tree."""
    k = place + 1
    while k < tree.shape[0]:
        for b in range(tree.shape[1]):
            tree[k, b] += sign * weight[b]
        k += k & -k


@compiled
def _ask(tree, below, level, found):  # noqa: ANN001, ANN202
    """Write the weight of the first `below` places plus half of that between `below` and `level`."""
    found[:] = 0.0
    high = level
    while high > below:
        for b in range(tree.shape[1]):
            found[b] += 0.5 * tree[high, b]
        high -= high & -high
    low = below
    while low > high:
        for b in range(tree.shape[1]):
            found[b] += 0.5 * tree[low, b]
        low -= low & -low
    # what is left is common to both prefix sums: half of each
    while high > 0:
        for b in range(tree.shape[1]):
            found[b] += tree[high, b]
        high -= high & -high


@compiled
def _move(tree, followed, heads, place, weight, sign):  # noqa: ANN001, ANN202, PLR0917
    """Let a patient join (sign 1) or leave (sign -1) those under observation."""
    _add(tree, place, weight, sign)
    for b in range(len(weight)):
        followed[b] += sign * weight[b]
    for b in range(len(heads)):
        if weight[b] > 0.0:
            heads[b] += np.int64(sign)


@compiled
def _count(above, total, found, followed, heads, first):  # noqa: ANN001, ANN202, PLR0917
    """Count the pairs of one event with those under observation."""
    if len(heads) == 0:
        for b in range(len(first)):
            above[b] += first[b] * found[b]
            total[b] += first[b] * followed[b]
        return
    for b in range(len(first)):
        if heads[b] > 0:  # else: weights that came and went leave rounding dust where nobody is
            above[b] += first[b] * found[b]
            total[b] += first[b] * followed[b]


@compiled
def sum_pairs(time, event, asks, bounds, leaving, entry, first, second):  # noqa: ANN001, ANN201, PLR0917
    """Return the weight of pairs ranked rightly (half of level ones) and of all pairs, each of shape (width,).

    Rows stand by rising `time`, so that the walk reads memory in a row. `asks` says which are the earlier one of pairs
    (events, or some of them); `bounds` comes from `rank_bounds`; `leaving` are the rows with late entry, by falling
    entry; `first` and `second`, both (n, width), are the weights of a patient as the earlier and as the later one.
    """
    rank, below, level = bounds
    n, width = second.shape
    above, total = np.zeros(width), np.zeros(width)
    tree, followed, found = np.zeros((n + 1, width)), np.zeros(width), np.empty(width)
    heads = np.zeros(width if len(leaving) else 0, np.int64)
    to_ask, gone, stop = np.sum(asks), 0, n
    while stop > 0 and to_ask > 0:
        day = time[stop - 1]
        start = stop
        while start > 0 and time[start - 1] == day:
            start -= 1
        for j in range(start, stop):  # the censored of a day outlive its events
            if not event[j]:
                _move(tree, followed, heads, rank[j], second[j], 1.0)
        while gone < len(leaving) and entry[leaving[gone]] >= day:
            j = leaving[gone]
            _move(tree, followed, heads, rank[j], second[j], -1.0)
            gone += 1
        for i in range(start, stop):
            if asks[i]:
                _ask(tree, below[i], level[i], found)
                _count(above, total, found, followed, heads, first[i])
                to_ask -= 1
        for j in range(start, stop):  # after the questions: events of one day do not pair up
            if event[j]:
                _move(tree, followed, heads, rank[j], second[j], 1.0)
        stop = start
    return above, total
