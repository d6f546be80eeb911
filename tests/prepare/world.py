"""Three centres, two timepoints, gaps inside measured modalities, modalities not measured: what preparation meets."""

import numpy as np
import polars as pl

from hybridx.cohort import Outcome
from hybridx.prepare import (
    BlockImputer,
    BlockScaler,
    ComBat,
    CorrelationClusters,
    DeltaFeatures,
    LogTransform,
    PrincipalComponents,
    RankTransform,
    StabilityFilter,
    UnivariateScreen,
    VarianceFilter,
    Winsorizer,
)


def cohort(n=90, seed=0, holes=0.05):
    """Return (frame, survival outcome); `pet` and `pet@2` are shifted by centre, `lab` is skewed."""
    rng = np.random.default_rng(seed)
    centre = np.array(["A", "B", "C"])[np.arange(n) % 3]
    age = rng.normal(60, 10, n)
    severity = 0.05 * (age - 60) + rng.normal(size=n)
    columns = {
        "patient_id": [f"P{i:03d}" for i in range(n)],
        "centre": centre,
        "clinical.measured": np.ones(n, dtype=bool),
        "clinical.age": age,
        "clinical.stage": np.where(severity > 0.5, "III", "II"),
    }
    pet = severity[:, None] * 0.8 + rng.normal(size=(n, 8)) + 2.0 * (centre == "B")[:, None]
    later = pet * 0.6 + 0.5 * rng.normal(size=(n, 8))
    lab = np.exp(rng.normal(size=(n, 4)) + 0.3 * severity[:, None])
    for modality, complete, share in (("pet", pet, 0.8), ("pet@2", later, 0.6), ("lab", lab, 0.9)):
        there = rng.random(n) < share
        values = np.where(rng.random(complete.shape) < holes, np.nan, complete)
        columns[f"{modality}.measured"] = there
        columns |= {f"{modality}.x{j}": np.where(there, v, np.nan) for j, v in enumerate(values.T)}
    time = 400 * rng.exponential(size=n) * np.exp(-severity) + 1
    follow = rng.uniform(50, 1500, size=n)
    y = Outcome.survival(np.ceil(np.minimum(time, follow)), time <= follow)
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None)), y


def retest(n=20, seed=1):
    """Return two measurements of other patients: x0 to x3 of pet repeat well, the rest does not."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, 8))
    noise = np.where(np.arange(8) < 4, 0.2, 2.0)
    parts = []
    for repeat in ("test", "retest"):
        values = true + noise * rng.normal(size=(n, 8))
        parts.append(
            pl.DataFrame({"patient_id": [f"T{i}" for i in range(n)], "repeat": [repeat] * n}).with_columns(
                pl.Series(f"pet.x{j}", values[:, j]) for j in range(8)
            )
        )
    return pl.concat(parts)


STEPS = {
    "impute_median": BlockImputer(),
    "impute_knn": BlockImputer("knn"),
    "impute_ridge": BlockImputer("ridge", predictors=None),
    "impute_ridge_few": BlockImputer("ridge", predictors=3),
    "variance_measured": VarianceFilter(among="measured"),
    "clusters": CorrelationClusters(0.5),
    "clusters_complete": CorrelationClusters(0.3, "complete", "pearson", per_modality=False),
    "stability": StabilityFilter(retest(), 0.6),
    "screen": UnivariateScreen(alpha=0.2),
    "screen_top": UnivariateScreen("top", k=2, per_modality=True, test="wald"),
    "combat": ComBat(covariates=["clinical.age", "clinical.stage"]),
    "combat_nonparametric": ComBat(method="nonparametric"),
    "combat_location": ComBat(scale=False, reference="A"),
    "winsorizer": Winsorizer(0.05, 0.95),
    "ranks": RankTransform(),
    "log": LogTransform(),
    "delta": DeltaFeatures(),
    "delta_own": DeltaFeatures("relative", own_modality=True, keep="first"),
    "blocks": BlockScaler(),
    "blocks_leading": BlockScaler("leading"),
    "components": PrincipalComponents(0.8, min_columns=5),
    "components_named": PrincipalComponents(3, modalities=["pet"]),
}
