"""What all models of boosted trees share, whatever they predict: depth and length tried, settings, preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import SettingsError
from hybridx.prepare import Preparation

__all__ = ["DEPTHS", "BoostedTrees"]

FloatArray = npt.NDArray[np.float64]

# Stumps (additive) and shallow trees (pairwise and three-way interactions): a few hundred patients carry no more.
DEPTHS = (1, 3)


class BoostedTrees:
    """Settings of cautious trees, each grown on a part of the patients and of the columns."""

    max_depth: int | None
    n_rounds: int | None
    learning_rate: float
    max_missing: float
    random_state: int

    def _check_trees(self) -> None:
        sizes = (self.max_depth, self.n_rounds)
        if any(v is not None and v < 1 for v in sizes) or not 0 < self.learning_rate <= 1:
            msg = (
                "max_depth and n_rounds must be >= 1 and learning_rate lie in (0, 1], got "
                f"{self.max_depth!r}, {self.n_rounds!r} and {self.learning_rate!r}."
            )
            raise SettingsError(msg)

    def _prepare(self, matrix: FloatArray, names: list[str]) -> Preparation:
        # trees send missing values down a learnt side and do not care about scale
        return Preparation(self.max_missing, impute=False, scale=False).fit_matrix(matrix, names)

    def _tree_settings(self, depth: int) -> dict[str, Any]:
        return {
            "max_depth": depth,
            "learning_rate": self.learning_rate,
            "subsample": 0.8,
            "colsample_bytree": 0.5,
            "lambda": 5.0,
            "min_child_weight": 3.0,
            "nthread": 1,
            "seed": self.random_state,
            "verbosity": 0,
        }
