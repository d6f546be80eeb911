"""What an encoder has learnt to see: straight lines from its features to the truth of held-out phantoms.

Beside the network stand first-order numbers made by hand from the same patches, so that a figure has a neighbour.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage, stats
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from hybridx.measure.encoder import PatchNetwork

__all__ = ["PROPERTIES", "Patches", "Truth", "embed", "examine", "examine_by_hand"]

PROPERTIES = ("log volume", "log uptake", "heterogeneity", "necrosis", "CT density", "CT density spread")
Patches = NDArray[np.float16]  # (n, 2, 3, 32, 32, 32): lesions seen by two scanners
Truth = NDArray[np.float64]  # (n, 6), see PROPERTIES


@torch.no_grad()
def embed(network: PatchNetwork, pictures: Patches) -> Truth:
    """Return the embeddings (n, features) of patches (n, 3, 32, 32, 32)."""
    parts = [
        network(torch.from_numpy(pictures[start : start + 64].astype(np.float32)))
        for start in range(0, len(pictures), 64)
    ]
    return torch.cat(parts).double().numpy()


def examine(
    network: PatchNetwork, known: Patches, known_truth: Truth, held: Patches, held_truth: Truth
) -> dict[str, object]:
    """Fit probes on the training phantoms' embeddings and score them on held-out ones."""
    return _score(
        [embed(network, part) for part in (known[:, 0], held[:, 0], held[:, 1])], known_truth, held_truth
    )


def examine_by_hand(
    known: Patches, known_truth: Truth, held: Patches, held_truth: Truth
) -> dict[str, object]:
    """Score first-order statistics of the lesion the same way."""
    sets = [np.array([_by_hand(patch) for patch in part]) for part in (known[:, 0], held[:, 0], held[:, 1])]
    return _score(sets, known_truth, held_truth)


def _score(sets: list[Truth], known_truth: Truth, held_truth: Truth) -> dict[str, object]:
    mean, spread = sets[0].mean(axis=0), sets[0].std(axis=0) + 1e-9
    train, test, other = ((values - mean) / spread for values in sets)
    probes = {}
    for column, name in enumerate(PROPERTIES):
        probe = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(train, known_truth[:, column])
        probes[name] = round(float(r2_score(held_truth[:, column], probe.predict(test))), 3)
    between = np.stack([test, other]).mean(axis=0).var(axis=0, ddof=1)
    within = ((test - other) ** 2).mean(axis=0) / 2
    # intraclass correlation (1,1): the share of a feature's variance that is lesion, not scanner or noise
    icc = (between - within / 2) / (between + within / 2)
    spectrum = np.linalg.eigvalsh(np.cov(test.T))
    return {
        "probe_r2": probes,
        "icc_between_scanners": {
            "median": round(float(np.median(icc)), 3),
            "lowest": round(float(icc.min()), 3),
        },
        # how many independent features there really are
        "participation_ratio": round(float(spectrum.sum() ** 2 / (spectrum**2).sum()), 1),
    }


def _by_hand(patch: NDArray[np.float16]) -> list[float]:
    """Return volume, then mean, spread, five quantiles and skewness of PET and CT, in the lesion and in its core."""
    pet, ct, mask = patch.astype(np.float32)
    inside = mask >= min(0.5, float(mask.max()))
    core = ndimage.binary_erosion(inside)
    core = core if core.sum() >= 8 else inside
    values = [float(np.log(inside.sum())), float(pet[core].std() / max(float(pet[core].mean()), 0.1))]
    for image in (np.log1p(np.clip(pet, 0, 50)), np.clip(ct, -160, 240)):
        for region in (inside, core):
            seen = image[region]
            skewness = float(stats.skew(seen)) if seen.std() > 1e-6 else 0.0
            values += [
                float(seen.mean()),
                float(seen.std()),
                *np.quantile(seen, (0.05, 0.25, 0.5, 0.75, 0.95)),
                skewness,
            ]
    return values
