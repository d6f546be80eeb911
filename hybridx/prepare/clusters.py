"""Clusters of correlated columns, each with the column that stands in its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from hybridx.errors import SettingsError
from hybridx.prepare.base import FloatArray, TableTransformer
from hybridx.prepare.correlation import absolute_correlation
from hybridx.prepare.table import FeatureTable
from hybridx.terms.text import check_name

__all__ = ["CorrelationClusters"]


class CorrelationClusters(TableTransformer):
    r"""Cluster columns by correlation and keep the medoid of each cluster.

    Hierarchical clustering on the distance :math:`1 - |r|`. With complete linkage every pair within a cluster has
    :math:`|r| \ge` `threshold`; with average linkage the mean does. The medoid is the column with the largest mean
    :math:`|r|` to its cluster. Where `CorrelationFilter` takes whatever lies around the best-connected column, this one
    looks at whole groups. The outcome is not looked at.

    Parameters
    ----------
    threshold : float, default 0.8
        Absolute correlation down to which columns are joined, in (0, 1).
    linkage : {"average", "complete"}, default "average"
        What the threshold is held against.
    method : {"pearson", "spearman"}, default "spearman"
        On values or on ranks. Missing values count as the mean (mean rank).
    per_modality : bool, default True
        Cluster within each modality only, so that a modality is never represented by another one.

    Attributes
    ----------
    stands_for_ : dict of str to list of str
        Kept column -> the columns it stands for.
    clusters_ : polars.DataFrame
        One row per column: `column`, `medoid`, `r` (absolute correlation with the medoid), `size` of the cluster.

    Source
    ------
    Clustering by `scipy.cluster.hierarchy`.

    Examples
    --------
    >>> import polars as pl
    >>> X = pl.DataFrame({"pet.a": [1.0, 2, 3, 4], "pet.b": [2.0, 4, 6, 8.1], "pet.c": [1.0, -1, 1, -1]})
    >>> CorrelationClusters().fit(X).stands_for_
    {'pet.a': ['pet.b']}
    """

    stands_for_: dict[str, list[str]]
    clusters_: pl.DataFrame

    def __init__(
        self,
        threshold: float = 0.8,
        linkage: str = "average",
        method: str = "spearman",
        *,
        per_modality: bool = True,
    ) -> None:
        self.threshold = threshold
        self.linkage = linkage
        self.method = method
        self.per_modality = per_modality

    def _learn_table(self, table: FeatureTable, y: Any) -> dict[str, str]:  # noqa: ARG002
        if not 0.0 < self.threshold < 1.0:
            msg = f"threshold is an absolute correlation in (0, 1), got {self.threshold!r}."
            raise SettingsError(msg)
        check_name(self.linkage, ("average", "complete"), "linkage")
        check_name(self.method, ("pearson", "spearman"), "method")
        groups = table.blocks if self.per_modality else {"": np.arange(len(table.names))}
        rows: list[tuple[str, str, float, int]] = []
        for columns in groups.values():
            # by name: where distances tie, the clusters may not depend on the order of columns
            ordered = sorted(columns.tolist(), key=lambda i: table.names[i])
            there = ~np.isnan(table.matrix[:, ordered]).all(axis=1)
            names = [table.names[i] for i in ordered]
            rows += self._clusters(table.matrix[np.ix_(there, ordered)], names)
        place = {name: i for i, name in enumerate(table.names)}
        rows.sort(key=lambda row: place[row[0]])
        self.clusters_ = pl.DataFrame(
            rows,
            schema={"column": pl.String, "medoid": pl.String, "r": pl.Float64, "size": pl.Int64},
            orient="row",
        )
        groups_of: dict[str, list[str]] = {}
        dropped: dict[str, str] = {}
        for column, medoid, r, size in rows:
            if column != medoid:
                groups_of.setdefault(medoid, []).append(column)
                dropped[column] = f"in a cluster of {size} around {medoid} (|r| = {r:.2f} with it)"
        self.stands_for_ = {medoid: sorted(group) for medoid, group in sorted(groups_of.items())}
        return dropped

    def _clusters(self, matrix: FloatArray, names: list[str]) -> list[tuple[str, str, float, int]]:
        if len(names) < 2 or not len(matrix):
            return [(name, name, 1.0, 1) for name in names]
        correlation = np.round(
            absolute_correlation(matrix, self.method), 12
        )  # equal is equal, whatever the row order
        distance = np.clip(1.0 - correlation, 0.0, None)
        np.fill_diagonal(distance, 0.0)
        tree = linkage(squareform(distance, checks=False), method=self.linkage)
        label = fcluster(tree, 1.0 - self.threshold + 1e-12, criterion="distance")
        rows = []
        for cluster in np.unique(label):
            members = np.flatnonzero(label == cluster)
            within = correlation[np.ix_(members, members)]
            middle = members[int(np.argmax(np.round(within.sum(axis=1), 9)))]
            rows += [
                (names[i], names[middle], 1.0 if i == middle else float(correlation[i, middle]), len(members))
                for i in members
            ]
        return rows
