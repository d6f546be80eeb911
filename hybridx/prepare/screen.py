"""Screen columns one by one against the outcome of the training fold, with the multiplicity stated."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import as_outcome
from hybridx.errors import InputError, NotEnoughDataError, SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.single_tests import column_tests
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name

__all__ = ["UnivariateScreen", "adjusted"]

METHODS = ("bh", "bonferroni", "top")


def adjusted(p: npt.ArrayLike, method: str = "bh") -> FloatArray:
    """Return p-values adjusted for their number, shape (p,).

    Parameters
    ----------
    p : array of float, shape (p,)
        In [0, 1].
    method : {"bh", "bonferroni"}
        Benjamini-Hochberg (false discovery rate) or Bonferroni (family-wise error).

    Source
    ------
    Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x. Checked against R 4.2.2 `p.adjust` to 1e-12.

    Examples
    --------
    >>> adjusted([0.01, 0.02, 0.04]).tolist()
    [0.03, 0.03, 0.04]
    """
    values = np.asarray(p, dtype=np.float64)
    m = len(values)
    if check_name(method, ("bh", "bonferroni"), "adjustment") == "bonferroni":
        return np.minimum(1.0, values * m)
    order = np.argsort(values, kind="stable")
    stepped = values[order] * m / np.arange(1, m + 1)
    result = np.empty(m)
    result[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return result


class UnivariateScreen(TableTransformer):
    """Keep the columns that on their own go with the outcome in the training fold.

    It needs the outcome and therefore belongs inside the fold, where a pipeline puts it: screened on all patients, even
    noise validates well. Each column is tested on the training patients who have it.

    Parameters
    ----------
    method : {"bh", "bonferroni", "top"}, default "bh"
        How the many tests are answered for: false discovery rate below `alpha`, family-wise error below `alpha`, or the
        `k` columns with the smallest p-values whatever these are.
    alpha : float, default 0.05
        For "bh" and "bonferroni".
    k : int, default 10
        For "top".
    test : {"score", "wald"}, default "score"
        Of Cox regression (survival, Efron ties) or logistic regression (response). Continuous outcomes are tested by
        Pearson's, ordinal ones by Spearman's correlation.
    per_modality : bool, default False
        Answer for the tests of each modality apart: `alpha` or `k` hold for each, so a thousand radiomics features do
        not cost five clinical facts their place. The error rate then holds within a modality, not over the table.
    at_least : int, default 1
        Keep this many (per modality, if so asked) even where none passes; `table_` says so. 0 may leave no column.

    Attributes
    ----------
    table_ : polars.DataFrame
        One row per column: `column`, `n` (patients tested), `statistic` (signed; z or t), `p`, `q` (adjusted; for "top"
        by Benjamini-Hochberg), `passed`, `kept`.

    Raises
    ------
    InputError
        `fit` was given no outcome.
    NotEnoughDataError
        No event, or nobody or everybody responded.

    Source
    ------
    See `hybridx.prepare.single_tests` and `adjusted`. Ambroise & McLachlan 2002, doi:10.1073/pnas.102102699, for why it
    belongs inside the fold.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from hybridx.cohort import Outcome
    >>> rng = np.random.default_rng(1)
    >>> X = pl.DataFrame({f"pet.x{i}": rng.normal(size=60) for i in range(5)})
    >>> y = Outcome.response((X["pet.x3"] + 0.3 * rng.normal(size=60)).to_numpy() > 0)
    >>> UnivariateScreen().fit_transform(X, y).columns
    ['pet.x3']
    """

    table_: pl.DataFrame

    def __init__(
        self,
        method: str = "bh",
        alpha: float = 0.05,
        k: int = 10,
        *,
        test: str = "score",
        per_modality: bool = False,
        at_least: int = 1,
    ) -> None:
        self.method = method
        self.alpha = alpha
        self.k = k
        self.test = test
        self.per_modality = per_modality
        self.at_least = at_least

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:
        self._check()
        if y is None:
            msg = "UnivariateScreen tests columns against the outcome: fit(X, y), or put it into a Pipeline."
            raise InputError(msg)
        outcome = as_outcome(y)
        if len(outcome) != len(table):
            msg = f"The table has {len(table)} rows while the outcome has {len(outcome)}."
            raise InputError(msg)
        known = np.flatnonzero(outcome.known)
        outcome, matrix = outcome[known], table.matrix[known]
        varied = outcome.n_events > 0 if outcome.kind == "survival" else len(np.unique(outcome.value)) > 1
        if not varied:
            msg = f"UnivariateScreen: {outcome.endpoint!r} is the same in all {len(known)} training patients."
            raise NotEnoughDataError(msg)
        statistic, p = column_tests(matrix, outcome, self.test)
        q, passed, kept = np.ones(len(p)), np.zeros(len(p), dtype=bool), np.zeros(len(p), dtype=bool)
        groups = table.blocks.values() if self.per_modality else [np.arange(len(p))]
        for columns in groups:
            q[columns], passed[columns], kept[columns] = self._choose(
                p[columns], statistic[columns], [table.names[i] for i in columns]
            )
        self.table_ = pl.DataFrame(
            {
                "column": table.names,
                "n": (~np.isnan(matrix)).sum(axis=0),
                "statistic": pl.Series(statistic, nan_to_null=True),
                "p": p,
                "q": q,
                "passed": passed,
                "kept": kept,
            }
        )
        return {name: f"p = {p[i]:.2g}, q = {q[i]:.2g}" for i, name in enumerate(table.names) if not kept[i]}

    def _check(self) -> None:
        check_name(self.method, METHODS, "screening method")
        check_name(self.test, ("score", "wald"), "test")
        if not 0.0 < self.alpha < 1.0 or self.k < 1 or self.at_least < 0:
            msg = (
                "alpha lies in (0, 1), k is >= 1 and at_least >= 0, got "
                f"{self.alpha!r}, {self.k!r} and {self.at_least!r}."
            )
            raise SettingsError(msg)

    def _choose(
        self, p: FloatArray, statistic: FloatArray, names: list[str]
    ) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return q, who passed and who stays of one family of tests."""
        q = adjusted(p, "bonferroni" if self.method == "bonferroni" else "bh")
        # by evidence, then by name: p-values may tie at 0, and the order of columns must not decide
        order = np.lexsort((np.array(names, dtype=np.str_), -np.abs(np.nan_to_num(statistic)), p))
        tested = ~np.isnan(statistic)
        if self.method == "top":
            passed = np.zeros(len(p), dtype=bool)
            passed[order[: self.k]] = True
            passed &= tested
        else:
            passed = (q <= self.alpha) & tested
        kept = passed.copy()
        kept[order[: self.at_least]] |= tested[order[: self.at_least]]
        return q, passed, kept
