r"""Average precision: the area under the precision-recall curve of a response.

.. math:: AP = \frac{\sum_{i \in R} w_i \, P(s_i)}{\sum_{i \in R} w_i}, \qquad
          P(s) = \frac{\sum_{j \in R} w_j 1(s_j \ge s)}{\sum_j w_j 1(s_j \ge s)}

the precision met at each responder, R being the responders. A model that knows nothing gets the share of responders.
"""

from __future__ import annotations

import numpy as np

from hybridx.evaluate.discrimination import share, tolerance
from hybridx.evaluate.panel import FloatArray, Panel

__all__ = ["pr_auc_values"]


def pr_auc_values(panel: Panel, weights: FloatArray) -> FloatArray:
    """Return the average precision under each row of weights, shape (B,).

    Precision is that within the fold, since only there scores are comparable; folds count by their responders. Small
    test folds raise it: among five patients a responder's precision cannot be below one fifth.

    Source
    ------
    Checked against scikit-learn 1.9.1 (``average_precision_score``, with and without sample weights) to 1e-12.
    """
    responder = panel.outcome.value == 1.0
    tied = tolerance(panel.score[panel.valid])
    sums = np.zeros((2, panel.fold.shape[0], len(weights)))
    for repeat, block in panel.blocks():
        score = panel.score[repeat, block]
        order = np.argsort(-score, kind="stable")
        rows, falling = block[order], score[order]
        # how many rank above or level with each, by its own difference (level is not transitive)
        reached = np.searchsorted(-falling, -falling + tied, side="right") - 1
        w = weights[:, rows]
        hits = w * responder[rows]
        selected = np.cumsum(w, axis=1)[:, reached]
        precision = np.divide(
            np.cumsum(hits, axis=1)[:, reached], selected, out=np.zeros_like(w), where=selected > 0
        )
        sums[:, repeat] += np.einsum("bi,bi->b", hits, precision), hits.sum(axis=1)
    return share(sums[0], sums[1])
