"""Makes sample_size.json: minimum sample sizes of pmsampsize, the Python port of the R and Stata package.

Run in an environment of its own (Python 3.12): pip install pmsampsize==0.1.0, then python sample_size.py

The first survival case is the worked example of Riley et al. 2019 (doi:10.1002/sim.7992): 5,143 patients.
"""

import contextlib
import importlib.metadata
import io
import json
from pathlib import Path

from pmsampsize.pmsampsize import pmsampsize

CASES = [
    {"type": "s", "csrsquared": 0.051, "parameters": 30, "rate": 0.065, "timepoint": 2, "meanfup": 2.07},
    {"type": "s", "csrsquared": 0.2, "parameters": 12, "rate": 0.2, "timepoint": 3, "meanfup": 2.5},
    {"type": "b", "csrsquared": 0.288, "parameters": 24, "prevalence": 0.174},
    {"type": "b", "csrsquared": 0.1, "parameters": 10, "prevalence": 0.4},
    {"type": "b", "cstatistic": 0.7, "parameters": 20, "prevalence": 0.3},
    {"type": "b", "cstatistic": 0.85, "parameters": 24, "prevalence": 0.174},
]
found = []
for case in CASES:
    with contextlib.redirect_stdout(io.StringIO()):
        answer = pmsampsize(**case, noprint=True)
    needed = [row[1] for row in answer["results_table"] if isinstance(row, list) and "Criteria" in row[0]]
    keys = ("sample_size", "max_r2a", "rsquared", "int_uci", "int_cuminc")
    found.append(
        {"case": case, "needed": needed, **{k: answer[k] for k in keys if answer.get(k) is not None}}
    )
path = Path(__file__).with_suffix(".json")
content = {"pmsampsize": importlib.metadata.version("pmsampsize"), "cases": found}
path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
