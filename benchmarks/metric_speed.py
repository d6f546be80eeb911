"""How long rankings take, ours and the neighbours', on one core: one value, a million patients, a bootstrap.

    OMP_NUM_THREADS=1 python benchmarks/metric_speed.py

Synthetic survival, six in ten with the event, no ties. Seconds are those of the processor, since a busy machine
stretches the clock; the median of seven runs (of three where a run takes longer than a second). What a neighbour would
need hours for is run in part and multiplied, and says so. torchsurv is no dependency: put it on the path to have it in
the table.

Printed on 2 cores shared with others, Linux, Python 3.11:

    one core; numpy 2.4.6, numba 0.68.1, lifelines 0.30.3, scikit-survival 0.28.0, torchsurv 0.2.0

    Harrell C, n = 300
      hybridx, kernel (sorted arrays in)               0.024 ms
      hybridx, models.concordance.harrell_c            0.061 ms
      hybridx, evaluate, with folds and weights        0.093 ms
      lifelines                                        1.338 ms        22 x harrell_c
      scikit-survival                                  2.639 ms        43 x harrell_c
      torchsurv                                       19.561 ms       320 x harrell_c
      same value to 1e-12: {'lifelines': np.True_, 'scikit-survival': np.True_, 'torchsurv': np.True_}

    Harrell C as n grows
      n =     1,000: hybridx      0.17 ms  (17.2 ns per n log2 n); lifelines       5.2 ms (one run), 30 x
      n =    10,000: hybridx      2.10 ms  (15.8 ns per n log2 n); lifelines      60.4 ms (one run), 29 x
      n =   100,000: hybridx     29.30 ms  (17.6 ns per n log2 n); lifelines     729.9 ms (one run), 25 x
      n = 1,000,000: hybridx    404.31 ms  (20.3 ns per n log2 n)

    1,000 bootstrap resamples, n = 1,000
      Harrell C  hybridx   0.004 s; loop over lifelines       4.2 s (from 40 resamples): 969 x
      Uno C      hybridx   0.049 s; loop over scikit-survival      11.5 s (from 10 resamples): 235 x

    1,000 bootstrap resamples, n = 10,000
      Harrell C  hybridx   0.099 s; loop over lifelines      51.4 s (from 8 resamples): 517 x
      Uno C      hybridx   0.958 s; loop over scikit-survival     209.4 s (from 2 resamples): 219 x

    Harrell C with its interval, evaluate.harrell_c (resamples drawn anew)
      n =    300:   0.017 s
      n =  1,000:   0.063 s
      n = 10,000:   2.078 s
"""

import importlib.util
import os
import statistics
import time
import warnings
from importlib.metadata import version

import numpy as np

COUNT = 1000  # bootstrap resamples


def cohort(n, seed=0):
    """Return days, events and risks."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    died, left = rng.exponential(size=n) * np.exp(-x) * 500, rng.exponential(size=n) * 800
    return np.minimum(died, left) + 1e-6, died <= left, x + rng.normal(size=n)


def seconds(call, *, runs=7, many=1):
    """Return the median processor time of a call, in seconds; `many` calls are timed together."""
    call()
    taken = []
    while len(taken) < (runs if not taken or taken[0] < 1 else 3):
        start = time.process_time()
        for _ in range(many):
            call()
        taken.append((time.process_time() - start) / many)
    return statistics.median(taken)


def peers(days, event, risk):
    """Return calls by name: Harrell's C of one cohort."""
    from lifelines.utils import concordance_index  # noqa: PLC0415
    from sksurv.metrics import concordance_index_censored  # noqa: PLC0415

    calls = {
        "lifelines": lambda: concordance_index(days, -risk, event),
        "scikit-survival": lambda: concordance_index_censored(event, days, risk)[0],
    }
    if importlib.util.find_spec("torchsurv"):
        import torch  # noqa: PLC0415
        from torchsurv.metrics.cindex import ConcordanceIndex  # noqa: PLC0415

        torch.set_num_threads(1)
        tensors = torch.tensor(risk), torch.tensor(event), torch.tensor(days)
        calls["torchsurv"] = lambda: float(ConcordanceIndex()(*tensors))
    return calls


def one_value():
    """Print Harrell's C of 300 patients by everyone."""
    from hybridx.cohort import Outcome  # noqa: PLC0415
    from hybridx.evaluate.discrimination import harrell_values  # noqa: PLC0415
    from hybridx.evaluate.panel import Panel  # noqa: PLC0415
    from hybridx.models.concordance import harrell_c  # noqa: PLC0415
    from hybridx.models.ranking_kernels import rank_bounds, sum_pairs  # noqa: PLC0415

    days, event, risk = cohort(300)
    rows = np.argsort(days)
    sorted_days, sorted_event, sorted_risk = days[rows], event[rows], risk[rows]
    order, w = np.argsort(sorted_risk), np.ones((300, 1))
    nobody, none = np.empty(0, dtype=np.intp), np.empty(0)
    panel, once = Panel.single(Outcome.survival(days, event), risk), np.ones((1, 300))

    def kernel():
        bounds = rank_bounds(sorted_risk, order, 0.0)
        return sum_pairs(sorted_days, sorted_event, sorted_event, bounds, nobody, none, w, w)

    print("\nHarrell C, n = 300")
    ours = {
        "hybridx, kernel (sorted arrays in)": kernel,
        "hybridx, models.concordance.harrell_c": lambda: harrell_c(days, event, risk),
        "hybridx, evaluate, with folds and weights": lambda: harrell_values(panel, once),
    }
    base = None
    for name, call in {**ours, **peers(days, event, risk)}.items():
        taken = seconds(call, many=200 if name.startswith("hybridx") else 5)
        if "models" in name:
            base = taken
        ratio = "" if base is None or name.startswith("hybridx") else f"   {taken / base:7.0f} x harrell_c"
        print(f"  {name:<44} {1e3 * taken:9.3f} ms{ratio}")
    above, total = kernel()
    same = {
        name: abs(float(call()) - above[0] / total[0]) < 1e-12
        for name, call in peers(days, event, risk).items()
    }
    print("  same value to 1e-12:", same)


def growth():
    """Print Harrell's C of up to a million patients."""
    from lifelines.utils import concordance_index  # noqa: PLC0415

    from hybridx.models.concordance import harrell_c  # noqa: PLC0415

    print("\nHarrell C as n grows")
    for n in (1_000, 10_000, 100_000, 1_000_000):
        days, event, risk = cohort(n)
        ours = seconds(lambda: harrell_c(days, event, risk))  # noqa: B023 - called at once
        line = f"  n = {n:>9,}: hybridx {1e3 * ours:9.2f} ms  ({1e9 * ours / (n * np.log2(n)):.1f} ns per n log2 n)"
        if n <= 100_000:
            start = time.process_time()
            concordance_index(days, -risk, event)
            theirs = time.process_time() - start
            line += f"; lifelines {1e3 * theirs:9.1f} ms (one run), {theirs / ours:.0f} x"
        print(line)


def bootstrap(n, part):
    """Print what 1,000 resamples cost, and a loop over lifelines, of which `part` resamples are run."""
    from lifelines.utils import concordance_index  # noqa: PLC0415
    from sksurv.metrics import concordance_index_ipcw  # noqa: PLC0415

    from hybridx.cohort import Outcome  # noqa: PLC0415
    from hybridx.evaluate.discrimination import harrell_values, uno_values  # noqa: PLC0415
    from hybridx.evaluate.panel import Panel  # noqa: PLC0415

    days, event, risk = cohort(n)
    drawn = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=COUNT).astype(float)
    y = Outcome.survival(days, event)
    panel, tau = Panel.single(y, risk), float(np.quantile(days, 0.8))
    copies = [np.repeat(np.arange(n), drawn[b].astype(int)) for b in range(part)]

    def loop_lifelines():
        return [concordance_index(days[rows], -risk[rows], event[rows]) for rows in copies]

    def loop_uno():
        records = y.to_array()
        few = copies[: max(1, part // 4)]
        return [concordance_index_ipcw(records[rows], records[rows], risk[rows], tau=tau)[0] for rows in few]

    print(f"\n{COUNT:,} bootstrap resamples, n = {n:,}")
    # a resample with ties counts two events of one day as a pair in lifelines, and not here: compare the cost only
    for name, ours, loop, runs in (
        ("Harrell C", lambda: harrell_values(panel, drawn), loop_lifelines, part),
        ("Uno C", lambda: uno_values(panel, drawn, tau), loop_uno, max(1, part // 4)),
    ):
        taken = seconds(ours)
        start = time.process_time()
        loop()
        theirs = (time.process_time() - start) / runs * COUNT
        who = "lifelines" if name == "Harrell C" else "scikit-survival"
        print(
            f"  {name:<10} hybridx {taken:7.3f} s; loop over {who} {theirs:9.1f} s (from {runs} resamples): "
            f"{theirs / taken:,.0f} x"
        )


def whole_interval(n):
    """Print what a C with its BCa interval costs: 1,000 resamples and n with one patient left out."""
    from hybridx.cohort import Outcome  # noqa: PLC0415
    from hybridx.evaluate.metrics import harrell_c  # noqa: PLC0415

    days, event, risk = cohort(n)
    y = Outcome.survival(days, event)
    taken = seconds(lambda: harrell_c(y, risk), runs=3)
    print(f"  n = {n:>6,}: {taken:7.3f} s")


def main():
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    warnings.simplefilter("ignore")
    names = ["numpy", "numba", "lifelines", "scikit-survival"]
    names += ["torchsurv"] if importlib.util.find_spec("torchsurv") else []
    print("one core;", ", ".join(f"{name} {version(name)}" for name in names))
    if "torchsurv" not in names:
        print("torchsurv is not on the path: left out")
    one_value()
    growth()
    bootstrap(1_000, 40)
    bootstrap(10_000, 8)
    print("\nHarrell C with its interval, evaluate.harrell_c (resamples drawn anew)")
    for n in (300, 1_000, 10_000):
        whole_interval(n)


if __name__ == "__main__":
    main()
