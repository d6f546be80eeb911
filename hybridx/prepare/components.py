"""Principal components of a modality, learnt in the fold, with the way back to the features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import to_frame
from hybridx.errors import InputError, SettingsError
from hybridx.prepare.base import FloatArray, MixingTransformer
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name

__all__ = ["PrincipalComponents"]


class PrincipalComponents(MixingTransformer):
    r"""Replace the columns of a modality by their leading principal components, ``<modality>.pc_001`` and on.

    .. math:: t_{ik} = \sum_j \ell_{jk} (x_{ij} - \mu_j) / \sigma_j

    Learnt on standardised columns of the training patients who have the modality. A value missing inside a measured
    modality counts as the training mean; a modality not measured has no components. Components are uncorrelated in
    training, of falling variance, and turned so that the largest loading is positive.

    Parameters
    ----------
    n_components : int or float, default 0.9
        How many, or the share of variance that they must carry, in (0, 1).
    modalities : list of str or None
        Which to replace; None takes every modality of at least `min_columns` columns. The rest passes through.
    min_columns : int, default 20
        A modality with fewer columns is left as it is, when none is named.

    Attributes
    ----------
    loadings_ : dict of str to polars.DataFrame
        Per modality: `column`, then one column per component.
    explained_ : polars.DataFrame
        One row per component: `column`, `share` of the modality's variance.
    blocks_ : dict
        Per modality: mean, SD and loadings as arrays, names of the components.

    Source
    ------
    Checked against scikit-learn 1.9 `PCA` to 1e-9.

    Examples
    --------
    >>> import polars as pl
    >>> genes = {"expression.a": [1.0, 2, 3, 4], "expression.b": [2.0, 4, 6, 8]}
    >>> X = pl.DataFrame(genes | {"clinical.age": [60, 50, 70, 40]})
    >>> step = PrincipalComponents(1, modalities=["expression"]).fit(X)
    >>> step.transform(X).columns
    ['expression.pc_001', 'clinical.age']
    """

    loadings_: dict[str, pl.DataFrame]
    explained_: pl.DataFrame
    blocks_: dict[str, dict[str, Any]]

    def __init__(
        self, n_components: float = 0.9, modalities: Sequence[str] | None = None, *, min_columns: int = 20
    ) -> None:
        self.n_components = n_components
        self.modalities = modalities
        self.min_columns = min_columns

    def _fit_table(self, table: FeatureTable, y: Any) -> None:  # noqa: ARG002
        self._check()
        self.loadings_, self.blocks_ = {}, {}
        shares: list[tuple[str, float]] = []
        for modality in self._wanted(table):
            columns = table.blocks[modality]
            block = table.matrix[np.ix_(table.measured(modality), columns)]
            found = self._learn_block(block)
            if found is None:
                continue
            mean, sd, loadings, share = found
            names = [f"{modality}.pc_{k + 1:03d}" for k in range(loadings.shape[1])]
            self.blocks_[modality] = {"mean": mean, "sd": sd, "loadings": loadings, "names": names}
            content = {"column": [table.names[i] for i in columns]}
            self.loadings_[modality] = pl.DataFrame(content | dict(zip(names, loadings.T, strict=True)))
            shares += zip(names, share.tolist(), strict=True)
        schema = {"column": pl.String, "share": pl.Float64}
        self.explained_ = pl.DataFrame(shares, schema=schema, orient="row")
        self.feature_names_out_ = np.array(
            [
                name
                for modality, columns in table.blocks.items()
                for name in (
                    self.blocks_[modality]["names"]
                    if modality in self.blocks_
                    else [table.names[i] for i in columns]
                )
            ],
            dtype=object,
        )

    def _check(self) -> None:
        n = self.n_components
        whole = isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1
        if not whole and not (isinstance(n, float) and 0.0 < n < 1.0):
            msg = f"n_components is a number >= 1 or a share in (0, 1), got {n!r}."
            raise SettingsError(msg)

    def _wanted(self, table: FeatureTable) -> list[str]:
        if self.modalities is None:
            return [m for m, columns in table.blocks.items() if len(columns) >= self.min_columns]
        asked = [self.modalities] if isinstance(self.modalities, str) else list(self.modalities)
        return [check_name(m, list(table.blocks), "modality") for m in asked]

    def _learn_block(self, block: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray] | None:
        """Return mean, SD, loadings (p, k) and shares of variance; None where nothing varies."""
        there = ~np.isnan(block)
        count = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, block, 0.0).sum(axis=0) / count
        centred = np.where(there, block - mean, 0.0)
        sd = np.sqrt((centred**2).sum(axis=0) / count)
        sd = np.where(sd > 1e-10 * np.maximum(np.abs(mean), 1e-290), sd, np.inf)
        z = centred / sd
        if not np.isfinite(sd).any():
            return None
        # the smaller of the two products: rows are few, columns may be tens of thousands
        wide = z.shape[1] > z.shape[0]
        values, vectors = np.linalg.eigh(z @ z.T if wide else z.T @ z)
        values, vectors = values[::-1], vectors[:, ::-1]
        rank = int((values > 1e-10 * values[0]).sum())
        share = values[:rank] / values[:rank].sum()
        n = self.n_components
        k = int(n) if n >= 1 else int(np.searchsorted(np.cumsum(share), n - 1e-12) + 1)
        k = min(k, rank)
        loadings = z.T @ (vectors[:, :k] / np.sqrt(values[:k])) if wide else vectors[:, :k]
        largest = np.argmax(np.round(np.abs(loadings), 10), axis=0)
        loadings = loadings * np.sign(loadings[largest, np.arange(k)])
        return mean, sd, loadings, share[:k]

    def _transform_table(self, table: FeatureTable) -> FloatArray:
        parts = []
        for modality, columns in table.blocks.items():
            values = table.matrix[:, columns]
            if modality in self.blocks_:
                state = self.blocks_[modality]
                score = np.nan_to_num((values - state["mean"]) / state["sd"], nan=0.0) @ state["loadings"]
                score[~table.measured(modality)] = np.nan
                values = score
            parts.append(values)
        return np.column_stack(parts) if parts else np.empty((len(table), 0))

    def feature_coefficients(self, coefficients: Mapping[str, float]) -> tuple[dict[str, float], float]:
        r"""Return a linear model of the output columns as one of the input columns, exactly.

        With :math:`\eta = \sum_k b_k t_k` the coefficient of feature j is :math:`\sum_k b_k \ell_{jk} / \sigma_j`, per
        unit of the feature.

        Parameters
        ----------
        coefficients : mapping of str to float
            Output column -> coefficient per unit of it; columns left out count as 0.

        Returns
        -------
        coefficients : dict of str to float
            Input column -> coefficient per unit of the feature.
        intercept : float
            To be added: the means of the features, taken through.

        Raises
        ------
        InputError
            A name is no output column.
        """
        known = [str(name) for name in self.get_feature_names_out()]
        given = {check_name(name, known, "output column"): float(b) for name, b in coefficients.items()}
        result = {str(name): given.get(str(name), 0.0) for name in self.feature_names_in_}
        intercept = 0.0
        for modality, state in self.blocks_.items():
            b = np.array([given.get(name, 0.0) for name in state["names"]])
            per_unit = (state["loadings"] @ b) / state["sd"]
            result |= dict(zip(self.loadings_[modality]["column"], per_unit.tolist(), strict=True))
            intercept -= float(per_unit @ state["mean"])
        return result, intercept

    def feature_contributions(
        self, contributions: Mapping[str, npt.ArrayLike], X: Any, background: Any
    ) -> pl.DataFrame:
        r"""Spread contributions of components over their features, patient by patient; sums are kept exactly.

        A component differs from its background mean by :math:`\sum_j \ell_{jk} (z_{ij} - \bar z_j)`; each feature gets
        the share of the component's contribution that its term has in this sum. That is exact for a linear model. Where
        the terms cancel (their sum is below 5 % of their size), the shares would explode and squared loadings decide.

        Parameters
        ----------
        contributions : mapping of str to array of float, shape (n,)
            Output column -> its contribution to each patient's prediction.
        X : table of n patients
            Input columns.
        background : table
            Patients against whom contributions are counted, as given to the explanation.

        Returns
        -------
        polars.DataFrame
            One column per input column, n rows; null where the modality is not measured.
        """
        table, other = self._table(X), self._table(background)
        known = [str(name) for name in self.get_feature_names_out()]
        given = {
            check_name(name, known, "output column"): np.asarray(values, dtype=np.float64)
            for name, values in contributions.items()
        }
        result: dict[str, Any] = {name: given.get(name, np.zeros(len(table))) for name in table.names}
        for modality, state in self.blocks_.items():
            columns = table.blocks[modality]
            z = np.nan_to_num((table.matrix[:, columns] - state["mean"]) / state["sd"], nan=0.0)
            rows = other.measured(modality)
            if not rows.any():
                msg = (
                    f"Nobody in the background has {modality}: contributions have nothing to be counted from."
                )
                raise InputError(msg)
            base = np.nan_to_num((other.matrix[np.ix_(rows, columns)] - state["mean"]) / state["sd"], nan=0.0)
            spread = np.zeros(z.shape)
            for k, name in enumerate(state["names"]):
                terms = (z - base.mean(axis=0)) * state["loadings"][:, k]
                total, size = terms.sum(axis=1), np.abs(terms).sum(axis=1)
                clear = np.abs(total) > 0.05 * size
                share = np.where(
                    clear[:, None], terms / np.where(clear, total, 1.0)[:, None], state["loadings"][:, k] ** 2
                )
                spread += share * given.get(name, np.zeros(len(table)))[:, None]
            spread[~table.measured(modality)] = np.nan
            result |= {table.names[i]: spread[:, j] for j, i in enumerate(columns)}
        return pl.DataFrame(
            {name: pl.Series(values, dtype=pl.Float64, nan_to_null=True) for name, values in result.items()}
        )

    def _table(self, X: Any) -> FeatureTable:
        return FeatureTable.of(to_frame(X), [str(name) for name in self.feature_names_in_])
