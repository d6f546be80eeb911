"""Proportional-odds fits on the likelihood of statsmodels: the values in `ordinal_peers.json`.

    pip install statsmodels==0.15.0
    python tests/reference/ordinal_peers.py > tests/reference/ordinal_peers.json

140 patients, 5 features, levels 0 (best) to 3 (worst), drawn by numpy (seed 11). The ridge fits add
penalty / 2 |b|^2 to statsmodels' negative log-likelihood and are minimised by scipy, thresholds in statsmodels' own
parametrisation. (mord's ordinal models minimise another loss, summed over all thresholds, and are no peer.)
"""

from __future__ import annotations

import json
import sys

import numpy as np
from scipy.optimize import minimize

__all__ = ["draw"]

PENALTIES = (0.0, 2.0, 20.0, 200.0)


def draw():
    """Return features (140, 5) with mean 0 and standard deviation 1, and levels (140,)."""
    rng = np.random.default_rng(11)
    X = rng.normal(size=(140, 5)) @ (np.eye(5) + 0.3)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    latent = X @ np.array([0.9, -0.6, 0.3, 0.0, 0.0]) + rng.logistic(size=140)
    return X, np.searchsorted([-1.5, 0.2, 1.6], latent).astype(int)


def main() -> None:
    """Print the reference values."""
    import statsmodels
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    X, y = draw()
    model = OrderedModel(y, X, distr="logit")
    fits, params = [], model.start_params
    for penalty in PENALTIES:

        def objective(params, penalty=penalty):
            return -model.loglike(params) + 0.5 * penalty * float(params[:5] @ params[:5])

        for _ in range(5):  # each restart rebuilds the approximate curvature, until no digit moves
            params = minimize(objective, params, method="BFGS", options={"gtol": 1e-7}).x
            params = minimize(
                objective,
                params,
                method="Nelder-Mead",
                options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000},
            ).x
        fits.append(
            {
                "penalty": penalty,
                "coef": params[:5].tolist(),
                "thresholds": model.transform_threshold_params(params)[1:-1].tolist(),
                "log_likelihood": float(model.loglike(params)),
                "probabilities": np.asarray(model.predict(params, exog=X[:5])).tolist(),
            }
        )
    sys.stdout.write(json.dumps({"statsmodels": statsmodels.__version__, "fits": fits}, indent=1) + "\n")


if __name__ == "__main__":
    main()
