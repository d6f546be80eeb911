"""Two hundred synthetic patients in one batch, five planted failures, one kill -9 in the middle; what is left.

python benchmarks/batch_two_hundred.py [--patients 200]

The reference is the same batch, without failures and in one go. Then five failures are planted (a folder in the way of
three pages, one patient's images gone, another's cut short); the batch is started in a process of its own and killed
(SIGKILL, workers and all) when half the pages are written; it is started again. A page is right when it is the
reference's to the last byte (but for the stamp of inputs) and the index links to it. A failure is explained when its
reason stands in the index and no page and no link are there, or, for images, when the page itself says so. A smaller
one is tests/report/test_killed_batch.py.

A page depends on the code that draws it: do not edit that while this runs. Printed with ``--patients 40``::

    40 patients; 20 pages when killed; 22 s both runs together
    35 pages right, 5 explained, 0 wrong
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.report.killing import interrupted_batch, make_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        left = interrupted_batch(make_result(Path(place), chosen.patients), Path(place))
    print(
        f"{chosen.patients} patients; {left.before_kill} pages when killed; {left.seconds:.0f} s both runs together"
    )
    print(f"{len(left.right)} pages right, {len(left.explained)} explained, {len(left.wrong)} wrong")
    for patient, reason in left.explained.items():
        print(f"  {patient}: {reason[:110]}")
    for line in left.wrong:
        print("  WRONG", line)


if __name__ == "__main__":
    main()
