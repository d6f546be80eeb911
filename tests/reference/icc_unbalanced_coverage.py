"""How often the 95 % interval of the one-way intraclass correlation holds the truth when repeats are missing.

python icc_unbalanced_coverage.py   (half a minute)

20 patients, up to 5 repeats, a share of them missing at random; 4,000 worlds a line:

    truth 0.30,  0% missing: median 0.294, covered 0.953 (truth above 0.022, below 0.025)
    truth 0.30, 20% missing: median 0.294, covered 0.953 (truth above 0.022, below 0.025)
    truth 0.30, 50% missing: median 0.289, covered 0.946 (truth above 0.029, below 0.024)
    truth 0.75,  0% missing: median 0.744, covered 0.948 (truth above 0.025, below 0.026)
    truth 0.75, 20% missing: median 0.743, covered 0.958 (truth above 0.022, below 0.019)
    truth 0.75, 50% missing: median 0.747, covered 0.947 (truth above 0.026, below 0.027)
    truth 0.95,  0% missing: median 0.948, covered 0.944 (truth above 0.025, below 0.031)
    truth 0.95, 20% missing: median 0.949, covered 0.951 (truth above 0.024, below 0.025)
    truth 0.95, 50% missing: median 0.949, covered 0.945 (truth above 0.027, below 0.028)
"""

import numpy as np

from hybridx.radiomics.intraclass import icc_columns

WORLDS, PATIENTS, REPEATS = 4000, 20, 5

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for true in (0.3, 0.75, 0.95):
        for missing in (0.0, 0.2, 0.5):
            shape = (PATIENTS, REPEATS, WORLDS)
            values = np.sqrt(true) * rng.normal(size=(PATIENTS, 1, WORLDS)) + np.sqrt(1 - true) * rng.normal(
                size=shape
            )
            values[rng.random(shape) < missing] = np.nan
            value, low, high, _ = icc_columns(values, "ICC(1,1)")
            below, above = np.mean(high < true), np.mean(low > true)
            print(  # noqa: T201 - its answer
                f"    truth {true:.2f}, {missing:3.0%} missing: median {np.nanmedian(value):.3f}, covered "
                f"{1 - below - above:.3f} (truth above {below:.3f}, below {above:.3f})"
            )
