"""One synthetic patient: what is true about them, before anything is measured.

Every patient has a random stream of their own, so patient 7 is the same person whether 10 or 500 are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybridx.demo.anatomy import Anatomy
from hybridx.demo.lesions import SITES, Lesion
from hybridx.demo.scanners import SCANNERS, Scanner

__all__ = ["MODALITIES", "Patient", "draw_patient", "patient_id", "stream"]

# The modalities that carry risk; every patient has clinical facts, each other one may be missing.
MODALITIES = ("clinical", "pet", "ct", "lab", "genomics", "expression")

# Every page and file has to cope with names like these, so the demo has some.
_UNUSUAL_IDS = {6: "Müller-07", 17: "Groß 18"}

# A quarter of the patients lack at least one modality, completely at random; a quarter of those lack two.
_BLOCK, _LACKING_PER_BLOCK, _LACKING_TWO = 8, 2, 0.25
STAGES = ("I", "II", "III", "IV")
_STAGE_SHARES = (0.20, 0.18, 0.34, 0.28)
_MUTATED = {"TP53": 0.50, "KRAS": 0.30, "STK11": 0.22, "KEAP1": 0.20, "RB1": 0.08, "PIK3CA": 0.07,
            "CDKN2A": 0.10, "SMAD4": 0.05, "BRAF": 0.05, "ARID1A": 0.08, "NF1": 0.09, "SMARCA4": 0.08}  # fmt: skip
EGFR_SHARE = 0.20  # of those without a KRAS mutation: the two exclude each other


@dataclass(frozen=True)
class Patient:
    """A synthetic patient.

    Parameters
    ----------
    index : int
        Position in the cohort, from 0.
    latent : mapping of str to float
        Hidden properties, named ``<modality>.<property>``; on the scale of the coefficients.
    sex, age_years, stage, ecog, smoking : str, float, str, int, str
        Clinical facts.
    mutated : tuple of str
        Genes with a variant.
    lacking : frozenset of str
        Modalities that were not measured.
    anatomy : Anatomy
        Build and physiology.
    lesions : tuple of Lesion
        Primary first.
    scanner : Scanner
        Where they were imaged.
    """

    index: int
    latent: Mapping[str, float]
    sex: str
    age_years: float
    stage: str
    ecog: int
    smoking: str
    mutated: tuple[str, ...]
    lacking: frozenset[str]
    anatomy: Anatomy
    lesions: tuple[Lesion, ...]
    scanner: Scanner

    @property
    def id(self) -> str:
        """The patient's identifier in all tables."""
        return patient_id(self.index)


def patient_id(index: int) -> str:
    """Return the identifier of the patient at a position: ``P001`` and so on, a few of them less plain."""
    return _UNUSUAL_IDS.get(index, f"P{index + 1:03d}")


def stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    """Return the random stream of one patient for one purpose, so that no purpose disturbs another."""
    return np.random.default_rng(np.random.SeedSequence([seed, index, purpose]))


def draw_patient(seed: int, index: int) -> Patient:
    """Draw the patient at position `index` of the cohort with this seed."""
    rng = stream(seed, index, 0)
    facts = _facts(rng)
    latent = _latent(rng, facts)
    anatomy = Anatomy.random(stream(seed, index, 1))
    return Patient(
        index=index,
        latent=latent,
        sex=facts.sex,
        age_years=facts.age,
        stage=STAGES[facts.stage],
        ecog=facts.ecog,
        smoking=facts.smoking,
        mutated=facts.mutated,
        lacking=_lacking(seed, index),
        anatomy=anatomy,
        lesions=_lesions(stream(seed, index, 3), facts.stage, latent, anatomy),
        scanner=SCANNERS[int(rng.random() < 0.45)],
    )


@dataclass(frozen=True)
class _Facts:
    stage: int
    ecog: int
    age: float
    smoking: str
    sex: str
    mutated: tuple[str, ...]


def _facts(rng: np.random.Generator) -> _Facts:
    stage = int(rng.choice(4, p=_STAGE_SHARES))
    return _Facts(
        stage=stage,
        ecog=int(rng.choice(3, p=((0.50, 0.40, 0.10), (0.38, 0.45, 0.17))[stage == 3])),
        age=round(float(np.clip(rng.normal(65.0, 9.5), 36.0, 89.0)), 1),
        smoking=str(rng.choice(("never", "former", "current"), p=(0.2, 0.5, 0.3))),
        sex=str(rng.choice(("female", "male"), p=(0.44, 0.56))),
        mutated=_variants(rng),
    )


def _variants(rng: np.random.Generator) -> tuple[str, ...]:
    found = [gene for gene, share in _MUTATED.items() if rng.random() < share]
    if rng.random() < EGFR_SHARE and "KRAS" not in found:
        found.append("EGFR")
    return tuple(found)


def _latent(rng: np.random.Generator, facts: _Facts) -> dict[str, float]:
    """Return the hidden properties: standard normal for measured ones, centred indicators for yes and no."""
    z = rng.standard_normal(10)
    volume = 0.3 * (facts.stage - 1.7) + 0.95 * z[0]  # later stages have larger primaries
    return {
        "clinical.age": round((facts.age - 65.0) / 9.5, 4),
        "clinical.stage": (facts.stage - 1.7) / 1.09,
        "clinical.ecog": (facts.ecog - 0.7) / 0.67,
        "clinical.smoking": float(facts.smoking == "current") - 0.3,
        "pet.volume": volume,
        "pet.heterogeneity": z[1],
        "pet.uptake": z[2],
        "ct.density_spread": z[3],
        "ct.low_density": z[4],
        "lab.ldh": 0.35 * volume + 0.92 * z[5],  # LDH leaks from tumour bulk
        "lab.inflammation": z[6],
        "lab.lymphopenia": 0.3 * z[6] + 0.95 * z[7],
        **{
            f"genomics.{gene.lower()}": float(gene in facts.mutated) - mean
            for gene, mean in (("STK11", 0.22), ("KEAP1", 0.20), ("TP53", 0.50), ("EGFR", 0.14))
        },
        "expression.proliferation": z[8],
        "expression.immune": z[9],
    }


def _lacking(seed: int, index: int) -> frozenset[str]:
    """Return what a patient lacks: of every eight in a row two, whoever they are, lack something."""
    block, place = divmod(index, _BLOCK)
    if place not in stream(seed, block, 12).permutation(_BLOCK)[:_LACKING_PER_BLOCK]:
        return frozenset()
    rng = stream(seed, index, 2)
    count = 1 + int(rng.random() < _LACKING_TWO)
    return frozenset(str(name) for name in rng.choice(MODALITIES[1:], size=count, replace=False))


def _lesions(
    rng: np.random.Generator, stage: int, latent: Mapping[str, float], anatomy: Anatomy
) -> tuple[Lesion, ...]:
    """Place a primary, nodes from stage II and distant lesions in stage IV, all of one biology."""
    kinds = {
        kind: [s for s, place in SITES.items() if place[2] == kind]
        for kind in ("primary", "regional", "distant")
    }
    primary = float(np.clip(18.0 * np.exp(0.30 * latent["pet.volume"]), 8.0, 38.0))
    wanted = [(str(rng.choice(kinds["primary"])), primary)]
    nodes = min(stage, 2) if stage else 0
    wanted += [
        (str(site), float(rng.uniform(6.0, 10.5))) for site in rng.permutation(kinds["regional"])[:nodes]
    ]
    if stage == 3:
        count = int(rng.integers(1, 4))
        wanted += [(str(s), float(rng.uniform(7.5, 15.0))) for s in rng.permutation(kinds["distant"])[:count]]
    return tuple(_lesion(rng, site, radius, latent, anatomy) for site, radius in wanted)


def _lesion(
    rng: np.random.Generator, site: str, radius: float, latent: Mapping[str, float], anatomy: Anatomy
) -> Lesion:
    centre, stray, _ = SITES[site]
    x, y, z = anatomy.place(tuple(np.add(centre, rng.uniform(-1, 1, 3) * stray)))
    uneven = float(1 / (1 + np.exp(-1.3 * latent["pet.heterogeneity"])))
    return Lesion(
        site=site,
        centre=(float(x), float(y), float(z)),
        radius_mm=radius,
        uptake=float(np.clip(9.5 * np.exp(0.33 * latent["pet.uptake"] + 0.08 * rng.normal()), 3.0, 32.0)),
        heterogeneity=0.06 + 0.62 * uneven,
        necrosis=0.42 * max(uneven - 0.35, 0.0) if radius > 12 else 0.0,
        irregularity=float(rng.uniform(0.03, 0.22)),
        density_hu=float(46.0 - 17.0 * latent["ct.low_density"] + rng.normal(0.0, 2.0)),
        density_spread_hu=float(np.clip(26.0 * np.exp(0.50 * latent["ct.density_spread"]), 5.0, 70.0)),
        texture=int(rng.integers(2**31)),
    )
