"""How often `SupportDetector` calls a patient far out: false alarms (nominal 1 %), another scanner, a wrong unit.

    python benchmarks/support_alarms.py

12 worlds per row; each detector sees n training patients and 500 new ones. Features are linear-Gaussian with a decaying
factor spectrum (30 clinical, 800 radiomics); "skewed": every third feature is the exponential of that. Another scanner:
all features of new patients times 1.3 plus 0.5. Wrong unit: one feature times 1000. Printed:

    features  modality      n  false alarms  other scanner  wrong unit
    normal    clinical     40        0.0172           0.25        0.99
    normal    clinical    100        0.0102           0.30        0.99
    normal    clinical    300        0.0092           0.39        1.00
    normal    radiomics    40        0.0023           0.96        0.99
    normal    radiomics   100        0.0082           1.00        0.99
    normal    radiomics   300        0.0102           1.00        1.00
    skewed    clinical     40        0.0085           0.03        0.94
    skewed    clinical    100        0.0065           0.05        0.99
    skewed    clinical    300        0.0118           0.15        1.00
    skewed    radiomics    40        0.0068           0.37        0.72
    skewed    radiomics   100        0.0115           0.97        0.86
    skewed    radiomics   300        0.0113           0.98        0.90
"""

from __future__ import annotations

import numpy as np
import polars as pl

from hybridx.fusion.support import FAR_OUT, SupportDetector

SIZES = {"clinical": (30, 3), "radiomics": (800, 12)}


def world(modality: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1000 + seed)
    p, k = SIZES[modality]
    loadings = rng.normal(size=(p, k)) * np.exp(-3.0 * np.arange(k) / k)
    return loadings / np.sqrt((loadings**2).sum(axis=1, keepdims=True)), 0.4 * rng.normal(size=p)


def draw(made: tuple[np.ndarray, np.ndarray], n: int, seed: int, *, skewed: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loadings, shared = made
    values = rng.normal(size=(n, loadings.shape[1])) @ loadings.T + rng.normal(size=(n, 1)) * shared
    values += 0.8 * rng.normal(size=values.shape)
    if skewed:
        values[:, ::3] = np.exp(values[:, ::3])
    return values


def table(modality: str, values: np.ndarray) -> pl.DataFrame:
    columns = {f"{modality}.x{j}": values[:, j] for j in range(values.shape[1])}
    return pl.DataFrame({"patient_id": [f"P{i:04d}" for i in range(len(values))], **columns})


def main() -> None:
    print(f"{'features':<10}{'modality':<11}{'n':>4}  false alarms  other scanner  wrong unit")
    for skewed in (False, True):
        for modality in SIZES:
            for n in (40, 100, 300):
                found = []
                for seed in range(12):
                    made = world(modality, seed)
                    train = draw(made, n, seed + 100, skewed=skewed)
                    new = draw(made, 500, seed + 900, skewed=skewed)
                    detector = SupportDetector(modality).fit(table(modality, train))
                    unit = new.copy()
                    unit[:, seed] *= 1000.0
                    found.append(
                        [
                            (detector.percentile(table(modality, part)) > FAR_OUT).mean()
                            for part in (new, 1.3 * new + 0.5, unit)
                        ]
                    )
                false, other, wrong = np.mean(found, axis=0)
                kind = "skewed" if skewed else "normal"
                print(f"{kind:<10}{modality:<11}{n:>4}{false:>14.4f}{other:>15.2f}{wrong:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
