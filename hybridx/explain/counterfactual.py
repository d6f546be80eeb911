"""Counterfactuals: the fewest and smallest changes of values at which the model would say something else.

Values move only within what background patients have (2.5th to 97.5th percentile, or one of their distinct values),
only where the patient has a value, and never whether a modality is measured. The cost of a move is the share of
background patients whose values lie between. Few features are preferred, then short moves. The patient put together
must not lie further out than the 95th percentile of patients like those in the background (or than the patient already
does), as `hybridx.fusion.support` measures it, and no combination of two categories arises that nobody has. Everything
is judged by the model's own predictions: a beam search over the most promising features, then each move is drawn back
as far as the prediction allows.

What is worked out from other columns (ratios of laboratory values, TLG from volume and mean uptake) follows them and is
not moved by itself, where the patient's own values bear the formula out. Columns of one image hang together in ways
that no formula says; the table tells row by row.

It is a statement about the model. Associations that a model has learnt are not effects of interventions: features move
together in life, and lowering a marker is not the same as curing what raises it.

Source
------
The problem: Wachter, Mittelstadt & Russell 2018, arXiv:1711.00399; sparse and plausible: Dandl et al. 2020,
doi:10.1007/978-3-030-58112-1_31; what it does not say: Karimi, Schölkopf & Valera 2021, arXiv:2002.06278. The search is
ours, checked against all combinations of values on small problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError, SettingsError
from hybridx.explain.moves import Moves
from hybridx.terms.text import check_name, listing, nearest

if TYPE_CHECKING:
    from hybridx.explain.asking import Source
    from hybridx.explain.explanation import Explanation
    from hybridx.explain.tabled import TabledFigure

__all__ = ["CAUTION", "Counterfactual", "counterfactual_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

CAUTION = "This is what the model would say of other values, not what a treatment would do."
_BEAM, _FEATURES, _BACK = 12, 20, 20
_SINGLES = 4_000  # above so many, only the ends of each range are tried at first
_MOST = 5


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """Changes of a patient's values at which the model would say something else.

    Parameters
    ----------
    patient_id : str
    rows : polars.DataFrame
        `feature`, `modality`, `value`, `to`, `unit`, `passes` (share of background patients whose values lie between
        the two), `lowest`, `highest` (the range that was allowed), `reference_low`, `reference_high` (of laboratory
        values, where known), `change` ("chosen", or "follows": worked out from those that were), `derived_from` (what
        it hangs on: other columns, or the same image as others of its modality; empty where it stands for itself).
    before, after, target : float
        Predictions on `scale`, and the one to reach.
    direction : {"low", "high"}
        On which side of the target the model's word should fall.
    reached : bool
        False: no plausible change of so few features does it; the rows are the nearest that was found.
    scale : str
    farthest : float or None
        Percentile of how far out the changed patient lies, in the modality where it is largest; None where the
        background is too small to tell.
    """

    patient_id: str
    rows: pl.DataFrame
    before: float
    after: float
    target: float
    direction: str
    reached: bool
    scale: str
    farthest: float | None

    caution = CAUTION

    def table(self) -> pl.DataFrame:
        """Return one row per change."""
        return self.rows

    def sentence(self) -> str:
        """Return what was found, in words, with what it does not mean."""
        if not self.rows.height and self.reached:
            side = f"on the {self.direction} side of {self.target:.2f}"
            return f"The model already says {self.before:.2f}, {side}. {CAUTION}"
        changes = "; ".join(
            f"{r['feature']} {r['value']:.4g} -> {r['to']:.4g} {'' if r['unit'] == '1' else r['unit']}".rstrip()
            for r in self.rows.filter(change="chosen").iter_rows(named=True)
        )
        goal = f"{self.before:.2f} -> {self.after:.2f} {self.scale}"
        if self.reached:
            return f"With {changes} the model would say {goal}. {CAUTION}"
        nearest_found = f"; the nearest: {changes} ({goal})" if changes else ""
        return f"No plausible change of so few values reaches {self.target:.2f}{nearest_found}. {CAUTION}"

    def plot(self) -> TabledFigure:
        """Return how far each change goes through the background patients."""
        from hybridx.explain.moves_figure import moves_figure  # noqa: PLC0415 - plotly when something is drawn

        return moves_figure(self)

    def __repr__(self) -> str:
        return f"Counterfactual({self.sentence()})"


def counterfactual_of(
    why: Explanation,
    patient_id: str,
    to: str | float = "low",
    *,
    changeable: Sequence[str] | None = None,
    most: int = 3,
    limits: Mapping[str, tuple[float, float]] | None = None,
    cutoff: float | None = None,
) -> Counterfactual:
    """Return the smallest plausible changes that move a patient to the other group, by the model's own word.

    Parameters
    ----------
    why : Explanation
        Of one fitted model, with its background (`explain`); not of several folds.
    patient_id : str
    to : {"low", "high"} or float
        A group: below or above `cutoff`. Or a prediction to reach, on the explanation's scale.
    changeable : sequence of str, optional
        Columns and modalities that may change; default all numbers. What cannot change (age, sex) does not belong here.
    most : int
        At most so many features change, 1 to 5.
    limits : mapping of column to (low, high), optional
        Narrower or wider ranges than the background's.
    cutoff : float, optional
        Between the groups; default the median prediction of the background patients.

    Raises
    ------
    InputError
        No such patient or column, no model behind the explanation, or nothing that may change.
    SettingsError
        Impossible `to`, `most` or `limits`.
    """
    source: Source = why.model_source()
    row = why.patients.index(why.patient(patient_id).patient_id)
    before = float(why.prediction[row])
    if np.isnan(before):
        msg = f"{patient_id!r} has no prediction: there is nothing to move."
        raise InputError(msg)
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MOST:
        msg = f"most={most!r}: wanted 1 to {_MOST} features."
        raise SettingsError(msg)
    target, sign = _goal(source, before, to, cutoff)
    columns = _columns(why, changeable)
    unknown = [c for c in limits or {} if c not in columns]
    if unknown:
        msg = f"limits are given for columns that may not change: {listing(unknown)}."
        raise SettingsError(msg)
    moves = Moves(source, row, columns, dict(limits or {}))
    if not moves.columns:
        msg = f"{patient_id!r} has no value that may change."
        raise InputError(msg)
    chosen = {} if _there(before, target, sign) else _search(moves, before, target, sign, most)
    after = float(moves.predict([chosen])[0]) if chosen else before
    return Counterfactual(
        patient_id,
        moves.rows(chosen, why.units),
        before,
        after,
        target,
        "low" if sign < 0 else "high",
        _there(after, target, sign),
        why.scale,
        moves.farthest([chosen])[0] if moves.detectors else None,
    )


def _there(value: float, target: float, sign: int) -> bool:
    return sign * (value - target) >= 0


def _goal(source: Source, before: float, to: str | float, cutoff: float | None) -> tuple[float, int]:
    """Return the prediction to reach, and on which side of it (1: at or above)."""
    if isinstance(to, str):
        check_name(to, ("low", "high"), "group")
        if cutoff is None:
            cutoff = float(np.nanmedian(source.model.linear_predictor(source.background)))
        return cutoff, -1 if to == "low" else 1
    if isinstance(to, bool) or not np.isfinite(to) or cutoff is not None:
        msg = f"to={to!r}, cutoff={cutoff!r}: wanted 'low' or 'high' with or without a cutoff, or a number without one."
        raise SettingsError(msg)
    return float(to), -1 if to < before else 1


def _columns(why: Explanation, changeable: Sequence[str] | None) -> list[str]:
    names = [c for c in why.feature_names if not c.endswith(".image")]
    if changeable is None:
        return names
    if isinstance(changeable, str):
        changeable = [changeable]
    known = set(names) | set(why.modality_names)
    for name in changeable:
        if name not in known:
            guess = nearest(name, sorted(known))
            hint = f" Did you mean {guess!r}?" if guess else ""
            msg = f"changeable: the model reads no column or modality {name!r}.{hint}"
            raise InputError(msg)
    wanted = set(changeable)
    return [c for c in names if c in wanted or c.partition(".")[0] in wanted]


Changes = dict[str, float]


def _search(moves: Moves, before: float, target: float, sign: int, most: int) -> Changes:
    """Return changes that reach the target, fewest first; else those that come nearest to it."""
    whole = sum(len(moves.grid[c]) for c in moves.columns) <= _SINGLES
    singles: list[Changes] = [
        {c: v} for c in moves.columns for v in (moves.grid[c] if whole else moves.ends[c])
    ]
    if not singles:
        return {}
    gain = sign * (moves.predict(singles) - before)
    # both what goes far and what goes far for little
    worth = gain / np.sqrt(np.array([moves.cost(one) for one in singles]) + 0.05)
    best = [c for i in np.argsort(-worth, kind="stable") if gain[i] > 0 for c in singles[i]]
    columns = list(dict.fromkeys(best))[:_FEATURES]
    beam: list[Changes] = [{}]
    nearest_found: tuple[float, Changes] = (sign * (before - target), {})
    for _ in range(most):
        wider = {
            tuple(sorted({**one, c: v}.items())): {**one, c: v}
            for one in beam
            for c in columns
            if c not in one
            for v in moves.grid[c]
        }
        tried = moves.possible(list(wider.values()))
        if not tried:
            break
        reach = sign * (moves.predict(tried) - target)
        cost = np.array([moves.cost(one) for one in tried])
        done = np.flatnonzero(reach >= 0)
        if len(done):
            cheapest = done[np.argsort(cost[done], kind="stable")][:_BEAM]
            drawn = [_drawn_back(moves, tried[i], target, sign) for i in cheapest]
            return min(drawn, key=lambda one: (moves.cost(one), sorted(one.items())))
        top = int(reach.argmax())
        if reach[top] > nearest_found[0]:
            nearest_found = (float(reach[top]), tried[top])
        order = np.argsort(-(reach - reach.min()) / np.sqrt(cost + 0.05), kind="stable")
        far, cheap = np.argsort(-reach, kind="stable")[: _BEAM // 2], order[: _BEAM // 2]
        beam = [tried[i] for i in dict.fromkeys([*far.tolist(), *cheap.tolist()])]
    return nearest_found[1]


def _drawn_back(moves: Moves, changes: Changes, target: float, sign: int) -> Changes:
    """Move each number back towards the patient's own as far as the target allows, the dearest first."""
    for column in sorted(changes, key=lambda c: -moves.cost({c: changes[c]})):
        steps = moves.way(column, changes[column], _BACK)
        tried = moves.possible([{**changes, column: v} for v in steps])
        if not tried:
            continue
        good = np.flatnonzero(sign * (moves.predict(tried) - target) >= 0)
        if len(good):
            better = min((tried[i] for i in good), key=moves.cost)
            changes = better if moves.cost(better) < moves.cost(changes) else changes
    return changes
