r"""Shapley values of a fusion model of which only `linear_predictor` is known; what is absent stays absent.

The players are the modalities M that a patient has; absent ones stay absent in every call. For a coalition S,

.. math:: v(S) = \frac1B \sum_b f(x_S, x^{(b)}_{M \setminus S}), \qquad
   \phi_m = \sum_{S \not\ni m} \frac{|S|!\,(|M| - |S| - 1)!}{|M|!}\,[v(S \cup m) - v(S)],

with the modalities outside S taken from B background patients who have all of M (where fewer than ten do, from one
patient for each modality). The prediction f may be a number or a vector (S(t) at several days): everything below then
holds for each of its entries. All 2^|M| coalitions are formed up to eight modalities; beyond that, orders are sampled.

Within a modality its value is split over its columns by Owen's rule: coalitions of other modalities and orders of
columns are drawn, against one background patient after another, each order walked forwards and backwards. What sampling
leaves between the columns' sum and the exact value of the modality goes to the columns in proportion to their sampling
variance, so a column that the model does not look at keeps exactly 0. The standard error is that of what is handed
back, after this correction, from the scatter of walks against the same background patient where there are several for
each. Where there are few walks it is widened as Student's t is, so that 1.96 of it on either side is a 95 % interval
(`benchmarks/sampling_coverage.py`).

Source
------
Shapley 1953; Owen 1977, doi:10.1007/978-3-642-45494-3_7; interventional expectation: Janzing et al. 2020,
arXiv:1910.13413; antithetic orders: Mitchell et al. 2022, arXiv:2104.12199. Checked against brute force over all
coalitions of columns: modalities to 1e-9, columns within the stated standard error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import comb

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import norm
from scipy.stats import t as student

from hybridx.explain.parts import Parts
from hybridx.explain.synthetic import Substitution
from hybridx.fusion import FusionModel

__all__ = ["Case", "exact_values", "shapley_parts", "worth_of_coalitions"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

_EXACT = 8  # modalities: 256 coalitions
_ORDERS = 32  # antithetic pairs of orders beyond that
_ROWS = 2_000  # model rows per patient and modality for the split over columns
_SEED = 20_110_917


@dataclass(frozen=True)
class Case:
    """Patients (row numbers) with one pattern of modalities, and what they are compared with (B, k)."""

    made: Substitution
    rows: IntArray
    pattern: BoolArray
    background: IntArray


@dataclass(frozen=True)
class _Game:
    """Values of modalities (n, k, ...) with the standard error (n, k, ...) of sampled orders, and v(nobody) (...)."""

    values: FloatArray
    error: FloatArray
    base: FloatArray


def shapley_parts(model: FusionModel, frame: pl.DataFrame, reference: pl.DataFrame) -> Parts:
    """Return Shapley values of modalities, split over their columns, by calls of ``model.linear_predictor``.

    Raises
    ------
    ExplanationError
        The model gives no prediction for a patient put together from two.
    """
    made = Substitution(model, frame, reference)
    prediction, measured = model.linear_predictor(frame), model.measured(frame)
    columns = [column for players in made.players for column in players]
    features = np.full((frame.height, len(columns), *prediction.shape[1:]), np.nan)
    base, errors = np.full(prediction.shape, np.nan), np.zeros(features.shape)
    sampled_orders = False
    ends = np.cumsum([0, *(len(players) for players in made.players)])
    for pattern in np.unique(measured[measured.any(axis=1)], axis=0):
        rows, present = np.flatnonzero((measured == pattern).all(axis=1)), np.flatnonzero(pattern)
        case = Case(made, rows, pattern, made.background(pattern, rows))
        game = _play(case, prediction[rows])
        sampled_orders |= len(present) > _EXACT
        base[rows], features[rows] = game.base, 0.0
        for i, m in enumerate(present):
            split, error, share = _split(case, int(i), game.values[:, i])
            features[rows, ends[m] : ends[m + 1]] = split
            # what is unsure of the modality's own value is dealt out as its value is
            errors[rows, ends[m] : ends[m + 1]] = np.hypot(error, share * game.error[:, [i]])
    exact = f"{2 * _ORDERS} antithetic orders of modalities" if sampled_orders else "exact over modalities"
    unsure = errors[errors > 0]
    told = (
        f"standard error of a contribution: mean {unsure.mean():.2g}, largest {unsure.max():.2g}"
        if len(unsure)
        else "standard error of a contribution: 0"
    )
    method = f"Shapley values, {exact}, sampled within ({told})"
    return Parts(columns, features, base, method, list(model.modalities_), errors)


def worth_of_coalitions(case: Case, full: FloatArray, masks: Iterable[int]) -> dict[int, FloatArray]:
    """Return v(S) of each patient of a case, shape (n, ...), for coalitions given as bit masks, and for nobody and all.

    Parameters
    ----------
    case : Case
    full : array of float, shape (n, ...)
        The patients' predictions.
    masks : iterable of int
        Bit i is set where the i-th measured modality is in the coalition.
    """
    made, rows, pattern, background = case.made, case.rows, case.pattern, case.background
    n, (b, k) = len(rows), background.shape
    nobody = made.predict(background, background[:, 0], pattern).mean(axis=0)
    worth: dict[int, FloatArray] = {2**k - 1: full, 0: np.full(full.shape, nobody)}
    wanted = [mask for mask in dict.fromkeys(masks) if mask not in worth]
    together = max(1, made.chunk // (n * b))  # one call of a model costs as much as some hundred rows
    for start in range(0, len(wanted), together):
        part = wanted[start : start + together]
        inside = np.array([[bool(mask >> i & 1) for i in range(k)] for mask in part])
        source = np.where(inside[:, None, None], rows[:, None, None], background)
        carrier = np.tile(np.repeat(rows, b), len(part))
        found = made.predict(source.reshape(-1, k), carrier, pattern)
        worth |= zip(part, found.reshape(len(part), n, b, *found.shape[1:]).mean(axis=2), strict=True)
    return worth


def _play(case: Case, full: FloatArray) -> _Game:
    """Return the values of the modalities of patients with one pattern; `full` is their prediction."""
    n, k = len(case.rows), case.background.shape[1]
    orders = _orders(k, case.pattern)
    wanted = (
        range(2**k) if orders is None else sorted({mask for order in orders for mask in _prefixes(order)})
    )
    worth = worth_of_coalitions(case, full, wanted)
    nobody = worth[0][0]
    shape = (n, k, *nobody.shape)
    if orders is None:
        return _Game(exact_values(worth, k, n), np.zeros(shape), nobody)
    gains = np.zeros((len(orders), *shape))
    for o, order in enumerate(orders):
        chain = [worth[mask] for mask in _prefixes(order)]
        for i, before, after in zip(order, chain, chain[1:], strict=False):
            gains[o, :, i] = after - before
    pairs = gains.reshape(-1, 2, *shape).mean(axis=1)
    error = pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    return _Game(pairs.mean(axis=0), error, nobody)


def exact_values(worth: dict[int, FloatArray], k: int, n: int) -> FloatArray:
    """Return Shapley values of k modalities, shape (n, k, ...), from v(S) of all coalitions as bit masks."""
    values = np.zeros((n, k, *worth[0].shape[1:]))
    for i in range(k):
        for mask in range(2**k):
            if not mask >> i & 1:
                share = 1.0 / (k * comb(k - 1, mask.bit_count()))
                values[:, i] += share * (worth[mask | 1 << i] - worth[mask])
    return values


def _orders(k: int, pattern: BoolArray) -> list[list[int]] | None:
    """Return sampled orders of the modalities, each followed by its reverse; None: all coalitions can be formed."""
    if k <= _EXACT:
        return None
    rng = np.random.default_rng([_SEED, *pattern.astype(int)])
    drawn = [rng.permutation(k).tolist() for _ in range(_ORDERS)]
    return [order for one in drawn for order in (one, one[::-1])]


def _prefixes(order: list[int]) -> list[int]:
    masks = [0]
    for i in order:
        masks.append(masks[-1] | 1 << i)
    return masks


def _split(case: Case, i: int, value: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each column's part of the i-th measured modality's `value` (n, ...), its error, and its share of a gap."""
    made, rows, pattern, background = case.made, case.rows, case.pattern, case.background
    p = len(made.players[np.flatnonzero(pattern)[i]])
    if p == 1:
        return value[:, None], np.zeros((len(rows), 1, *value.shape[1:])), np.ones((1, 1))
    many = len(background)
    passes = max(_ROWS // (2 * p), 4)
    # whole rounds through the background where there is time: then who a patient is compared with is no sampling error
    rounds = passes // many
    passes = rounds * many if rounds else passes
    chosen = np.arange(passes) % many if rounds else np.linspace(0, many - 1, passes).round().astype(int)
    walks = _walks(int(pattern.sum()), i, p, passes, pattern)
    few = replace(case, background=background[chosen])
    marginal = np.empty((len(rows), passes, p, *value.shape[1:]))
    group = max(1, made.chunk // (2 * p * passes))
    for start in range(0, len(rows), group):
        part = replace(few, rows=rows[start : start + group])
        marginal[start : start + group] = _marginals(part, i, walks)
    mean, variance = marginal.mean(axis=1), _scatter(marginal, rounds)[0]
    weight = np.where(variance.sum(axis=1, keepdims=True) > 0, variance, np.abs(mean))
    weight = np.where(weight.sum(axis=1, keepdims=True) > 0, weight, 1.0)
    weight /= weight.sum(axis=1, keepdims=True)
    gap = value - mean.sum(axis=1)
    # a walk's sum is part of its error: what is handed back moves with the rest only
    corrected = marginal - weight[:, None] * marginal.sum(axis=2, keepdims=True)
    variance, freedom = _scatter(corrected, rounds)
    widened = float(student.ppf(0.975, freedom) / norm.ppf(0.975))
    return mean + gap[:, None] * weight, widened * np.sqrt(variance), weight


def _scatter(marginal: FloatArray, rounds: int) -> tuple[FloatArray, int]:
    """Return the variance (n, p, ...) of the mean over passes (n, passes, p, ...), and its degrees of freedom."""
    n, passes = marginal.shape[:2]
    if rounds < 2:
        return marginal.var(axis=1, ddof=1) / passes, passes - 1
    # who a patient is compared with is no sampling error: every background patient has the same number of passes
    by_other = marginal.reshape(n, rounds, passes // rounds, *marginal.shape[2:])
    freedom = passes - passes // rounds
    within = ((by_other - by_other.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    return within / freedom / passes, freedom


@dataclass(frozen=True)
class _Walks:
    """Of each pass: other modalities from the patient (passes, k), order of columns as ranks (passes, p)."""

    inside: BoolArray
    rank: IntArray


def _walks(k: int, i: int, p: int, passes: int, pattern: BoolArray) -> _Walks:
    rng = np.random.default_rng([_SEED, i, p, *pattern.astype(int)])
    inside = np.zeros((passes, k), dtype=bool)
    others = np.array([j for j in range(k) if j != i], dtype=np.intp)
    # Shapley's weights: every size of coalition is equally likely, so sizes are dealt in turn
    for t, size in enumerate(rng.permutation(np.arange(passes) % k)):
        inside[t, rng.permutation(others)[:size]] = True
    rank = np.argsort(np.array([rng.permutation(p) for _ in range(passes)]), axis=1)
    return _Walks(inside, rank)


def _marginals(case: Case, i: int, walks: _Walks) -> FloatArray:
    """Return what each column adds when it changes hands, mean of forward and backward walk, (n, passes, p, ...)."""
    rows, chosen = case.rows, case.background
    n, (passes, p) = len(rows), walks.rank.shape
    steps = np.arange(p + 1)
    # forward: the first t columns of the order are the patient's; backward: the last t
    forward = walks.rank[:, None, :] < steps[None, :, None]
    backward = walks.rank[:, None, :] >= p - steps[None, :, None]
    own = np.concatenate([forward, backward[:, 1:-1]], axis=1)
    patient, other = rows[:, None, None], chosen[None]
    modalities = np.where(walks.inside[None], patient, other)
    modalities = np.repeat(modalities[:, :, None, :], own.shape[1], axis=2)
    columns = np.where(own[None], patient[..., None], other[:, :, None, [i]])
    total = n * passes * own.shape[1]
    found = case.made.predict(
        modalities.reshape(total, -1),
        np.repeat(rows, passes * own.shape[1]),
        case.pattern,
        inner=(i, columns.reshape(total, p)),
    )
    found = found.reshape(n, passes, own.shape[1], *found.shape[1:])
    up = found[:, :, : p + 1]
    down = np.concatenate([found[:, :, :1], found[:, :, p + 1 :], found[:, :, p : p + 1]], axis=2)
    place = walks.rank.reshape(1, passes, p, *(1 for _ in up.shape[3:]))
    gain_up = np.take_along_axis(np.diff(up, axis=2), place, axis=2)
    gain_down = np.take_along_axis(np.diff(down, axis=2), p - 1 - place, axis=2)
    return np.asarray(0.5 * (gain_up + gain_down))
