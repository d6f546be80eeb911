"""ComBat: take out what the scanner adds, keep what the disease adds, learn it on the training patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.errors import InputError, SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.combat_centres import labels_of, refuse_confounded, tell_small, tell_strangers
from hybridx.prepare.combat_model import Pooled, Shrinkage, pooled_fit, shift_and_scale
from hybridx.prepare.covariates import design_of, learn_covariates
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name, listing

__all__ = ["ComBat"]

METHODS = ("parametric", "nonparametric", "none")
UNSEEN = ("pooled", "estimate", "error")
# Facts about the patient rather than readings of a scanner.
_NOT_SCANNED = ("clinical", "lab", "genomics", "copynumber")


class ComBat(TableTransformer):
    r"""Harmonise the features of several centres or scanners: one shift and one scale per centre and column.

    .. math:: x_{ij}^{*} = \sigma_j \, \frac{z_{ij} - \gamma_{bj}}{\sqrt{\delta_{bj}}} + \alpha_j + c_i \beta_j, \qquad
        z_{ij} = (x_{ij} - \alpha_j - c_i \beta_j) / \sigma_j

    Pooled mean, SD and covariate effects, and each centre's shift and scale, are learnt on the training patients, one
    modality at a time, and applied unchanged to patients seen later. Shift and scale of a column are drawn towards the
    centre's other columns by empirical Bayes. Effects of `covariates` are kept: without them, a centre that treats more
    advanced disease would be harmonised to look like the others. The outcome is not looked at; a covariate must be
    known for new patients, too, and therefore be no outcome.

    Columns with fewer than three distinct values, and columns without spread, are left as they are. Values may come out
    on the far side of a natural limit (a negative volume); transform skewed columns first (`LogTransform`).

    Parameters
    ----------
    batch : str, default "centre"
        Column of the table that names the centre or scanner of each patient.
    covariates : list of str, default ()
        Columns whose effects are kept, with or without a dot (``clinical.age``, ``clinical.stage``). They are not
        harmonised themselves. Missing values count as the training average.
    modalities : list of str or None
        Which to harmonise. None takes all but ``clinical``, ``lab`` and ``genomics``, at any timepoint.
    method : {"parametric", "nonparametric", "none"}, default "parametric"
        Empirical Bayes with normal and inverse-gamma priors; with the centre's other columns as the prior; or plain
        estimates.
    scale : bool, default True
        False adjusts the location only.
    reference : str or None
        Centre that stays as it is and to which the others are brought; None brings all to the pooled mean.
    min_patients : int, default 5
        A centre with fewer training patients (of the modality, with a value of the column) is small.
    small : {"leave", "location"}, default "leave"
        What happens to patients of a small centre: left as they are, and out of the fit; or location only, shrunk, as
        sva does for a centre of one. One patient's location is largely what tells that patient from others.
    unseen : {"pooled", "estimate", "error"}, default "pooled"
        What happens to patients of a centre that training never saw, or without a centre. "pooled": they count as
        already lying around the pooled mean, which leaves their values as they are, with a warning. "estimate": their
        centre's shift and scale are estimated from the table at hand, without outcomes, if it holds at least
        `min_unseen` of them, else as "pooled"; a patient's values then depend on who stands beside them. "error".
    min_unseen : int, default 10
        For "estimate".
    tolerance : float, default 1e-8
        Relative change at which the parametric iteration ends (neuroCombat and sva: 1e-4).

    Attributes
    ----------
    batches_ : polars.DataFrame
        One row per modality and centre: `modality`, `batch`, `patients` (training), `adjusted` ("location and scale",
        "location", "no").
    left_ : dict of str to str
        Columns of the harmonised modalities that stay as they are, with the reason.
    state_ : dict
        Per modality: columns, pooled mean, slopes and SD, shifts and variance ratios per centre.

    Warns
    -----
    HybridxWarning
        A modality has one centre only; small or unseen centres stay as they are.

    Raises
    ------
    InputError
        No such column; a covariate cannot be told apart from the centres; with ``unseen="error"``, a new centre.

    Notes
    -----
    For location only, the shrinkage of a centre's shift counts its patients; neuroCombat 0.2.12 and sva count one.

    Source
    ------
    Johnson et al. 2007, doi:10.1093/biostatistics/kxj037; Fortin et al. 2018, doi:10.1016/j.neuroimage.2017.11.024;
    Orlhac et al. 2018, doi:10.2967/jnumed.117.199935. Checked against neuroCombat 0.2.12 (all three methods, location
    only, reference) and neuroHarmonize 2.5.2 (new patients with frozen parameters) to 1e-8 of a column's SD; to 1e-6
    where neuroCombat's iteration ends early.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> rng = np.random.default_rng(0)
    >>> centre = np.repeat(["A", "B"], 30)
    >>> columns = {f"pet.x{j}": rng.normal(size=60) + 3 * (centre == "B") for j in range(4)}
    >>> X = pl.DataFrame({"centre": centre} | columns)
    >>> even = ComBat().fit_transform(X)
    >>> bool(even.filter(centre="B")["pet.x0"].mean() - even.filter(centre="A")["pet.x0"].mean() < 0.3)
    True
    """

    batches_: pl.DataFrame
    left_: dict[str, str]
    state_: dict[str, dict[str, Any]]

    def __init__(
        self,
        batch: str = "centre",
        covariates: Sequence[str] = (),
        modalities: Sequence[str] | None = None,
        *,
        method: str = "parametric",
        scale: bool = True,
        reference: str | None = None,
        min_patients: int = 5,
        small: str = "leave",
        unseen: str = "pooled",
        min_unseen: int = 10,
        tolerance: float = 1e-8,
    ) -> None:
        self.batch = batch
        self.covariates = covariates
        self.modalities = modalities
        self.method = method
        self.scale = scale
        self.reference = reference
        self.min_patients = min_patients
        self.small = small
        self.unseen = unseen
        self.min_unseen = min_unseen
        self.tolerance = tolerance

    def _check(self) -> None:
        check_name(self.method, METHODS, "method")
        check_name(self.unseen, UNSEEN, "rule for unseen centres")
        check_name(self.small, ("leave", "location"), "rule for small centres")
        if self.small == "location" and self.method == "none":
            msg = "small='location' needs empirical Bayes: unshrunk, one patient's location is that patient."
            raise SettingsError(msg)
        if self.min_patients < 2 or self.min_unseen < self.min_patients or not 0 < self.tolerance < 1:
            msg = (
                "min_patients is >= 2, min_unseen no smaller, tolerance in (0, 1); got "
                f"{self.min_patients!r}, {self.min_unseen!r} and {self.tolerance!r}."
            )
            raise SettingsError(msg)

    def _how(self, least: int | None = None, *, scale: bool | None = None) -> Shrinkage:
        least = self.min_patients if least is None else least
        return Shrinkage(self.method, self.scale if scale is None else scale, least, self.tolerance)

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002
        self._check()
        names = [self.covariates] if isinstance(self.covariates, str) else list(self.covariates)
        labels = labels_of(table.column(self.batch, "ComBat"))
        self.covariates_ = learn_covariates(table, names, "ComBat")
        design = design_of(table, self.covariates_, "ComBat")
        self.state_, self.left_ = {}, {}
        rows: list[tuple[str, str, int, str]] = []
        for modality in self._wanted(table):
            rows += self._learn_modality(table, modality, labels, design, set(names))
        self.batches_ = pl.DataFrame(
            rows,
            schema={"modality": pl.String, "batch": pl.String, "patients": pl.Int64, "adjusted": pl.String},
            orient="row",
        )
        return {}

    def _wanted(self, table: FeatureTable) -> list[str]:
        if self.modalities is None:
            found = [m for m in table.blocks if m.partition("@")[0] not in _NOT_SCANNED]
            if not found:
                msg = (
                    f"ComBat found no modality to harmonise among {listing(table.blocks, 12)}: name them in "
                    "`modalities`."
                )
                raise InputError(msg)
            return found
        asked = [self.modalities] if isinstance(self.modalities, str) else list(self.modalities)
        return [check_name(m, list(table.blocks), "modality") for m in asked]

    def _learn_modality(
        self,
        table: FeatureTable,
        modality: str,
        labels: npt.NDArray[np.object_],
        design: FloatArray,
        kept_out: set[str],
    ) -> list[tuple[str, str, int, str]]:
        columns = self._columns(table, modality, kept_out)
        measured = table.measured(modality) & np.array([label is not None for label in labels])
        found, counts = np.unique(labels[measured].astype(np.str_), return_counts=True)
        sizes = {str(label): int(count) for label, count in zip(found, counts, strict=True)}
        large = [label for label, size in sizes.items() if size >= self.min_patients]
        learnt = large if self.small == "leave" else list(sizes)
        tell_small(modality, self.batch, sizes, self.min_patients, stay=self.small == "leave")
        reference = self._reference(modality, large, learnt)
        if len(learnt) < 2 or not large or not len(columns):
            return [(modality, label, size, "no") for label, size in sizes.items()]
        rows = np.flatnonzero(measured & np.isin(labels.astype(np.str_), learnt))
        code = np.searchsorted(np.array(learnt), labels[rows].astype(np.str_))
        refuse_confounded(
            modality, self.batch, self.covariates_, np.column_stack([np.eye(len(learnt))[code], design[rows]])
        )
        values = table.matrix[np.ix_(rows, columns)]
        pooled = pooled_fit(values, code, len(learnt), design[rows], reference)
        useful = ~np.isnan(pooled.sd)
        self.left_ |= {table.names[i]: "too few values, or no spread" for i in columns[~useful]}
        columns, values = columns[useful], values[:, useful]
        pooled = Pooled(pooled.mean[useful], pooled.slope[:, useful], pooled.sd[useful])
        z = pooled.standardised(values, design[rows])
        gamma, delta = np.zeros((len(learnt), len(columns))), np.ones((len(learnt), len(columns)))
        for b, label in enumerate(learnt):
            if b != reference:
                how = self._how() if label in large else self._how(1, scale=False)
                gamma[b], delta[b] = shift_and_scale(z[code == b], how)
        self.state_[modality] = {
            "columns": [table.names[i] for i in columns],
            "batches": learnt,
            "mean": pooled.mean,
            "slope": pooled.slope,
            "sd": pooled.sd,
            "gamma": gamma,
            "delta": delta,
        }
        done = {
            label: "no (reference)"
            if b == reference
            else ("location and scale" if self.scale and label in large else "location")
            for b, label in enumerate(learnt)
        }
        return [(modality, label, size, done.get(label, "no")) for label, size in sizes.items()]

    def _columns(self, table: FeatureTable, modality: str, kept_out: set[str]) -> npt.NDArray[np.intp]:
        chosen = []
        for i in table.blocks[modality]:
            name, values = table.names[i], table.matrix[:, i]
            if name in kept_out:
                self.left_[name] = "a covariate"
            elif len(np.unique(values[~np.isnan(values)])) < 3:
                self.left_[name] = "fewer than three distinct values"
            else:
                chosen.append(int(i))
        return np.array(chosen, dtype=np.intp)

    def _reference(self, modality: str, large: list[str], learnt: list[str]) -> int | None:
        if self.reference is None:
            return None
        if self.reference not in large:
            msg = (
                f"reference={self.reference!r} has fewer than {self.min_patients} training patients with {modality}; "
                f"those with enough: {listing(large)}."
            )
            raise InputError(msg)
        return learnt.index(self.reference)

    def _transform_table(self, table: FeatureTable) -> FloatArray:
        result = table.matrix[:, self.kept_].copy()
        labels = labels_of(table.column(self.batch, "ComBat"))
        design = design_of(table, self.covariates_, "ComBat")
        place = {name: i for i, name in enumerate(table.names)}
        strangers: dict[str, set[str]] = {}
        for modality, state in self.state_.items():
            columns = np.array([place[name] for name in state["columns"]], dtype=np.intp)
            measured = np.flatnonzero(table.measured(modality))
            known = set(self.batches_.filter(modality=modality)["batch"])
            for label in dict.fromkeys(labels[measured].tolist()):
                rows = (
                    measured[labels[measured] == label]
                    if label is not None
                    else np.array([row for row in measured if labels[row] is None], dtype=np.intp)
                )
                values = result[np.ix_(rows, columns)]
                pooled = Pooled(state["mean"], state["slope"], state["sd"])
                if label in state["batches"]:
                    b = state["batches"].index(label)
                    gamma, delta = state["gamma"][b], state["delta"][b]
                elif (
                    self.unseen == "estimate"
                    and label not in known
                    and len(rows) >= self.min_unseen
                    and label
                ):
                    gamma, delta = shift_and_scale(pooled.standardised(values, design[rows]), self._how())
                else:
                    if label not in known:
                        strangers.setdefault(str(label) if label is not None else "(none)", set()).add(
                            modality
                        )
                    continue
                z = (pooled.standardised(values, design[rows]) - gamma) / np.sqrt(delta)
                result[np.ix_(rows, columns)] = pooled.restored(z, design[rows])
        tell_strangers(strangers, self.batch, self.unseen, self.min_unseen)
        return result

    def transform_matrix(self, matrix: FloatArray) -> FloatArray:
        """Refuse a bare matrix, which cannot say who comes from where."""
        return self._transform_table(FeatureTable(matrix, [str(name) for name in self.feature_names_in_]))
