"""Keep the columns that a second measurement would give again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import feature_columns, to_frame, to_matrix
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.reliability import icc_columns
from hybridx.prepare.table import FeatureTable
from hybridx.radiomics.repeats import Reliability
from hybridx.terms.text import check_name, listing

__all__ = ["StabilityFilter"]

_LEAST_PATIENTS = 5  # the lower limit of an ICC of 0.95 from four patients lies near 0.5: nothing could pass


class StabilityFilter(TableTransformer):
    """Keep columns whose intraclass correlation under repeated measurement exceeds a threshold.

    Repeats are perturbed masks, a second reader, or test-retest scans. The outcome is not looked at. Columns without
    repeats (age, stage) stay unless `unknown` says otherwise.

    Parameters
    ----------
    repeats : polars or pandas table
        One row per patient and repeat: `patient_id`, `repeat` (any label, the same labels for all patients), and the
        columns by name, in any order.
    threshold : float, default 0.75
        0.75 is "good" and 0.9 "excellent" in the words of Koo & Li 2016.
    bound : {"low", "value"}, default "low"
        What must exceed the threshold: the lower end of the confidence interval, or the estimate.
    kind : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)"}, default "ICC(2,1)"
        See `hybridx.prepare.reliability`: the default asks for absolute agreement.
    level : float, default 0.95
        Coverage of the two-sided interval.
    patients : {"all", "training"}, default "all"
        Whose repeats count. "all" suits a test-retest study of other patients; where the repeats are of the cohort's
        own patients, "training" takes only those who are in the table that `fit` sees (by `patient_id`).
    unknown : {"keep", "drop"}, default "keep"
        What happens to columns that have no repeats.

    Attributes
    ----------
    table_ : polars.DataFrame
        One row per column: `column`, `icc`, `low`, `high`, `n` (patients with all repeats), `kept`; nulls without
        repeats.

    Raises
    ------
    NotEnoughDataError
        Fewer than 5 patients have two repeats.

    Source
    ------
    Zwanenburg et al. 2019, doi:10.1038/s41598-018-36938-4; Koo & Li 2016, doi:10.1016/j.jcm.2016.02.012.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=20)
    >>> again = [pl.DataFrame({"patient_id": [f"T{i}" for i in range(20)], "repeat": [r] * 20,
    ...     "pet.firm": true + 0.1 * rng.normal(size=20), "pet.shaky": rng.normal(size=20)}) for r in (1, 2)]
    >>> step = StabilityFilter(pl.concat(again))
    >>> list(step.fit(pl.DataFrame({"pet.firm": [1.0, 2.0], "pet.shaky": [2.0, 1.0]})).dropped_)
    ['pet.shaky']
    """

    table_: pl.DataFrame

    def __init__(
        self,
        repeats: Any,
        threshold: float = 0.75,
        bound: str = "low",
        kind: str = "ICC(2,1)",
        *,
        level: float = 0.95,
        patients: str = "all",
        unknown: str = "keep",
    ) -> None:
        self.repeats = repeats
        self.threshold = threshold
        self.bound = bound
        self.kind = kind
        self.level = level
        self.patients = patients
        self.unknown = unknown

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002
        self._check()
        repeats = self._repeats(table)
        names = [name for name in feature_columns(repeats) if name in set(table.names)]
        value, low, high, n = icc_columns(_cube(repeats, names), self.kind, self.level)
        judged = value if self.bound == "value" else low
        place = {name: i for i, name in enumerate(names)}
        rows, dropped = [], {}
        for name in table.names:
            if name not in place:
                rows.append((name, None, None, None, None, self.unknown == "keep"))
                if self.unknown == "drop":
                    dropped[name] = "never measured twice"
                continue
            i = place[name]
            stays = bool(judged[i] > self.threshold)  # NaN does not pass
            rows.append((name, *(_null(a[i]) for a in (value, low, high)), int(n[i]), stays))
            if not stays:
                dropped[name] = (
                    f"{self.kind} {value[i]:.2f} (lower limit {low[i]:.2f}), wanted {self.bound} > {self.threshold:g}"
                )
        numbers = dict.fromkeys(("icc", "low", "high"), pl.Float64)
        schema = {"column": pl.String, **numbers, "n": pl.Int64, "kept": pl.Boolean}
        self.table_ = pl.DataFrame(rows, schema=schema, orient="row")
        return dropped

    def _check(self) -> None:
        check_name(self.bound, ("low", "value"), "bound")
        check_name(self.patients, ("all", "training"), "patients")
        check_name(self.unknown, ("keep", "drop"), "unknown")
        if not -1.0 <= self.threshold < 1.0:
            msg = f"threshold is an intraclass correlation below 1, got {self.threshold!r}."
            raise SettingsError(msg)

    def _repeats(self, table: FeatureTable) -> pl.DataFrame:
        if isinstance(self.repeats, Reliability):
            msg = "repeats is a Reliability; the table in it is wanted: StabilityFilter(found.repeats)."
            raise InputError(msg)
        frame = to_frame(self.repeats)
        absent = [name for name in ("patient_id", "repeat") if name not in frame.columns]
        if absent:
            lacks = f"it lacks {listing(absent)}"
            msg = f"repeats needs the columns patient_id and repeat; {lacks}. `robustness(...).repeats` has them."
            raise InputError(msg)
        twice = int(frame.select(pl.struct("patient_id", "repeat").is_duplicated().sum()).item())
        if twice:
            msg = (
                f"repeats holds {twice} rows that share patient_id and repeat with another: one row for each."
            )
            raise InputError(msg)
        if self.patients == "training":
            here = table.column("patient_id", "StabilityFilter(patients='training')").cast(pl.String)
            frame = frame.filter(pl.col("patient_id").cast(pl.String).is_in(here.to_list()))
        counts = frame.group_by("patient_id").len()["len"]
        enough = int((counts >= 2).sum())
        if enough < _LEAST_PATIENTS:
            whose = " who are in the training table" if self.patients == "training" else ""
            msg = f"StabilityFilter needs {_LEAST_PATIENTS} patients measured at least twice{whose}, got {enough}."
            raise NotEnoughDataError(msg)
        return frame


def _null(number: Any) -> float | None:
    return None if np.isnan(number) else float(number)


def _cube(repeats: pl.DataFrame, names: Sequence[str]) -> FloatArray:
    """Return the repeats as (patients, repeats, columns), NaN where a repeat is missing."""
    matrix = to_matrix(repeats, names)
    rows = _codes(repeats["patient_id"])
    times = _codes(repeats["repeat"])
    cube = np.full((rows.max() + 1, times.max() + 1, len(names)), np.nan)
    cube[rows, times] = matrix
    return cube


def _codes(column: pl.Series) -> npt.NDArray[np.intp]:
    _, codes = np.unique(column.cast(pl.String).to_numpy().astype(np.str_), return_inverse=True)
    return np.asarray(codes, dtype=np.intp)
