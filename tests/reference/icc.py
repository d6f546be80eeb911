"""Makes icc.json: intraclass correlations and intervals of pingouin.

Run in an environment of its own: pip install pingouin==0.7.0, then python icc.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin

# Table 2 of Shrout & Fleiss 1979: six targets, four judges; published 0.17, 0.29 and 0.71.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
rng = np.random.default_rng(3)
true = rng.normal(100, 20, size=(25, 1))
tables = {
    "shrout_fleiss": SHROUT_FLEISS,
    "test_retest": (true + rng.normal(0, 5, size=(25, 2))).round(3).tolist(),
    "biased_reader": (true + rng.normal(0, 8, size=(25, 3)) + [0, 10, 20]).round(3).tolist(),
    "noise": rng.normal(size=(12, 5)).round(3).tolist(),
}
cases = []
for name, table in tables.items():
    values = np.array(table, dtype=float)
    n, k = values.shape
    long = pd.DataFrame(
        {"target": np.repeat(np.arange(n), k), "rater": np.tile(np.arange(k), n), "value": values.ravel()}
    )
    # pingouin rounds its intervals to two digits unless asked not to
    pingouin.options["round.column.CI95"] = 12
    pingouin.options["round.column.CI95%"] = 12
    found = pingouin.intraclass_corr(long, targets="target", raters="rater", ratings="value")
    rows = found.set_index("Type")
    for kind, label in (("ICC(1,1)", 0), ("ICC(2,1)", 1), ("ICC(3,1)", 2)):
        row = found.iloc[label]
        interval = next(row[c] for c in found.columns if c.startswith("CI95"))
        cases.append(
            {
                "table": name,
                "kind": kind,
                "type": rows.index[label],
                "icc": float(row["ICC"]),
                "low": float(interval[0]),
                "high": float(interval[1]),
            }
        )
result = {"made_with": {"pingouin": importlib.metadata.version("pingouin")}, "tables": tables, "cases": cases}
Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1))
