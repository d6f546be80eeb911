"""Simulated cohorts with out-of-fold and locked predictions of three ridge models, and the truth about each.

A world is a Python file as of `benchmarks/yardstick.py`. Three ridge models with a fixed penalty (of one clinical
feature, of all clinical features, of all blocks side by side, 1,542 features) are cross-validated in each cohort; Cox
for survival, logistic for a response that the log-hazard makes less likely. A locked model was trained once on another
cohort of 200 and meets the patients of each cohort as new ones.

What a fit is worth is measured on `FURTHER` more patients of its world. The truth about cross-validated scores is the
mean of that over fits to whole cohorts; about a locked model, what it reaches itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ridge_batched import fit_parts

from hybridx.cohort import Outcome
from hybridx.evaluate.designs import deal_folds
from hybridx.evaluate.panel import Panel
from hybridx.evaluate.registry import Moment, metric_named

__all__ = ["METRICS", "MODELS", "MOMENT", "Simulated", "simulate"]

FURTHER, HORIZON, TRAINED = 8000, 730.0, 200
MOMENT = Moment(horizon_days=HORIZON, tau_days=1460.0)
METRICS = {"survival": ("harrell_c", "uno_c", "auc_t", "brier_t"), "response": ("roc_auc", "brier")}
MODELS = ("one feature", "clinical", "all blocks")


@dataclass
class Simulated:
    """One cohort: `panels` of each model, and what each model's own fit reaches in each metric."""

    panels: dict[str, Panel]
    reached: dict[tuple[str, str], float]


def features(draw, best):
    clinical = draw.blocks["clinical"]
    blocks = np.hstack([draw.blocks[b] for b in draw.blocks])
    return {"one feature": clinical[:, [best]], "clinical": clinical, "all blocks": blocks}


def outcome_of(draw, kind, seed):
    if kind == "survival":
        return Outcome.survival(draw.time_days, draw.event)
    chance = 1 / (1 + np.exp(1.5 * draw.log_hazard))
    return Outcome.response((np.random.default_rng((seed, 1)).random(len(chance)) < chance).astype(float))


def told(y, w, eta):
    """Return score and, for survival, the probability at the horizon, of parts w (b, n) and linear terms (b, m)."""
    if y.kind == "response":
        share = (w @ y.value) / w.sum(axis=1)
        return lambda far: (1 / (1 + np.exp(-far - np.log(share / (1 - share))[:, None])), None)
    hazard = w * np.exp(eta)
    died = np.flatnonzero(y.event & (y.time_days <= HORIZON))
    at_risk = hazard @ (y.time_days[:, None] >= y.time_days[died][None]).astype(float)
    base = (w[:, died] / np.maximum(at_risk, 1e-300)).sum(axis=1)
    return lambda far: (far, np.exp(-base[:, None] * np.exp(far)))


def panel_of(y, fold, score, survival):
    if survival is None:
        return Panel(y, fold, score)
    return Panel(y, fold, score, survival[:, :, None], np.array([HORIZON]))


def applied(x, coef, centre, spread):
    return np.nan_to_num((x - centre) / spread) @ coef


def simulate(world, world_seed, *, kind, n, folds, repeats, cohorts):
    """Return the simulated cohorts of one world; `folds` 0: a locked model instead of cross-validation."""
    further = world.draw(FURTHER, seed=55_000 + world_seed)
    best = int(
        np.argmax([abs(np.corrcoef(c, further.log_hazard)[0, 1]) for c in further.blocks["clinical"].T])
    )
    far, far_y = features(further, best), outcome_of(further, kind, 987)

    def fitted(draw, y, m, w):
        arrays = (y.time_days, y.event.astype(float)) if kind == "survival" else (y.value,)
        coef, centre, spread, eta = fit_parts(features(draw, best)[m], w, arrays)
        return coef, centre, spread, eta, told(y, w, eta)

    def worth(m, fit, of):
        coef, centre, spread, _, say = fit
        score, alive = say(applied(far[m], coef[of], centre[of], spread[of])[None])
        alive = None if alive is None else alive[of if len(alive) > 1 else 0][None]
        panel = panel_of(far_y, np.zeros((1, FURTHER), int), score[:1], alive)
        once = np.ones((1, FURTHER))
        return {a: float(metric_named(a, kind).values(panel, once, MOMENT)[0]) for a in METRICS[kind]}

    locked = {}
    if not folds:
        draw = world.draw(TRAINED, seed=77_000 + world_seed)
        y = outcome_of(draw, kind, 77)
        for m in MODELS:
            fit = fitted(draw, y, m, np.ones((1, TRAINED)))
            locked[m] = fit, worth(m, fit, 0)
    done = []
    for seed in range(cohorts):
        draw = world.draw(n, seed=100_000 + 1000 * world_seed + seed)
        y = outcome_of(draw, kind, seed)
        panels, reached = {}, {}
        if not folds:
            for m, (fit, reaches) in locked.items():
                eta = applied(features(draw, best)[m], *(part[0] for part in fit[:3]))[None]
                panels[m] = panel_of(y, np.zeros((1, n), int), *fit[4](eta))
                reached |= {(m, a): v for a, v in reaches.items()}
            done.append(Simulated(panels, reached))
            continue
        happened = y.event if kind == "survival" else y.value == 1
        names = [f"p{i:04d}" for i in range(n)]
        fold = np.array([deal_folds(names, happened.tolist(), folds, seed=(seed, r)) for r in range(repeats)])
        w = np.concatenate(
            [np.ones((1, n)), *[(row[None] != np.arange(folds)[:, None]) * 1.0 for row in fold]]
        )
        for m in MODELS:
            fit = fitted(draw, y, m, w)
            score, alive = fit[4](fit[3])
            pick = 1 + np.arange(repeats)[:, None] * folds + fold  # the part that left out the patient
            score = np.take_along_axis(score, pick, axis=0)
            alive = None if alive is None else np.take_along_axis(alive, pick, axis=0)
            panels[m] = panel_of(y, fold, score, alive)
            reached |= {(m, a): v for a, v in worth(m, fit, 0).items()}
        done.append(Simulated(panels, reached))
    return done
