"""What a metric is, and the moment (times, threshold) at which it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hybridx.errors import InputError
from hybridx.evaluate.panel import FloatArray, Panel
from hybridx.evaluate.studentised import ScoreWithError

__all__ = ["Metric", "Moment", "horizon_of"]

Values = Callable[[Panel, FloatArray, "Moment"], FloatArray]


@dataclass(frozen=True)
class Moment:
    """The times a survival metric needs.

    Parameters
    ----------
    horizon_days : float or None
        Of AUC(t), Brier(t) and calibration.
    tau_days : float or None
        End of what Uno C and IBS look at; None: all follow-up.
    grid_days : tuple of float
        Times over which Brier(t) is integrated.
    threshold : float
        Probability from which a patient counts as positive, for metrics of decisions.
    """

    horizon_days: float | None = None
    tau_days: float | None = None
    grid_days: tuple[float, ...] = ()
    threshold: float = 0.5


def horizon_of(moment: Moment) -> float:
    """Return the horizon of a moment, for metrics that have no value without one.

    Raises
    ------
    InputError
        It has none.
    """
    if moment.horizon_days is None:
        msg = "This metric belongs to a time: give `time_days`."
        raise InputError(msg)
    return moment.horizon_days


@dataclass(frozen=True)
class Metric:
    """One way to score predictions.

    Parameters
    ----------
    name, title : str
        In tables; in figures.
    kind : {"survival", "response", "ordinal", "continuous"}
        Outcome it takes.
    eats : {"risk", "survival", "probability", "levels", "value"}
        Levels: the probability of each level of an ordered outcome; value: a prediction in the outcome's own unit.
    best : {"high", "low", "one", "zero"}
        Which way is better; calibration ratios and slopes are best at 1, intercepts at 0.
    useless : float
        What a model that knows nothing gets, NaN where that depends on the data.
    when : {"", "horizon", "tau"}
        The time that belongs to its value.
    values : callable
        Panel, weights (B, n) and moment to values (B,).
    shown : bool
        Part of a result's table; the others are to be had by name.
    distance : bool
        A distance from perfection, biased upwards in small samples: it gets no interval, but what perfection shows.
    trials : callable or None
        Number of yes/no trials behind a proportion (or a ranking), for its interval where all went one way.
    with_error : callable or None
        The score on a working scale with its standard error, for an interval by bootstrap-t; None: BCa.
    back : callable
        From that working scale to the score.
    """

    name: str
    title: str
    kind: Literal["survival", "response", "ordinal", "continuous"]
    eats: Literal["risk", "survival", "probability", "levels", "value"]
    best: Literal["high", "low", "one", "zero"]
    useless: float
    when: Literal["", "horizon", "tau"]
    values: Values
    shown: bool = True
    distance: bool = False
    trials: Callable[[Panel, Moment], float] | None = None
    with_error: ScoreWithError | None = None
    back: Callable[[float], float] = float

    def time_days(self, moment: Moment) -> float | None:
        """Return the time that belongs to the value, or None."""
        return {"horizon": moment.horizon_days, "tau": moment.tau_days}.get(self.when)
