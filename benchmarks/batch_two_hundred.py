"""Two hundred synthetic patients in one batch, five planted failures, a worker and then all killed; what is left.

python benchmarks/batch_two_hundred.py [--patients 200]

The reference is the same batch, without failures and in one go. Then five failures are planted (a folder in the way of
three pages, one patient's images gone, another's cut short); the batch is started in a process of its own; one of its
two workers is killed (SIGKILL) when a quarter of the pages is written, the program with all workers when half are; it
is started again. A page is right when it is the reference's to the last byte (but for the stamp of inputs) and the
index links to it. A failure is explained when its reason stands in the index and no page and no link are there, or,
for images, when the page itself says so. A smaller one is tests/report/test_killed_batch.py.

A page depends on the code that draws it: do not edit that while this runs. Printed on two cores at a load average above
20::

    200 patients; a worker killed at 50 pages, all at 100; 466 s both runs together
    195 pages right, 5 explained, 0 wrong
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
        f"{chosen.patients} patients; a worker killed at {left.before_worker} pages, all at {left.before_kill}; "
        f"{left.seconds:.0f} s both runs together"
    )
    print(f"{len(left.right)} pages right, {len(left.explained)} explained, {len(left.wrong)} wrong")
    for patient, reason in left.explained.items():
        print(f"  {patient}: {reason[:110]}")
    for line in left.wrong:
        print("  WRONG", line)


if __name__ == "__main__":
    main()
