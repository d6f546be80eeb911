"""How far GLCM, NGTDM and GLDM are from pyradiomics 3.0.1 on every sarcoma patient: PET and CT, native and 1 mm.

Fixed bin widths 0.25 (PET, SUV) and 25 HU (CT), lesions cut to their box, the same grey levels for both. Run from the
root of the repository:

    OMP_NUM_THREADS=1 python -m tests.reference.texture_parity

On one core of an AMD EPYC (2.6 GHz), beside other work:

glcm   24 features, largest relative difference: glcm_MCC 3.8e-09, glcm_Imc1 2.2e-09, glcm_Imc2 6.5e-12
ngtdm  5 features, largest relative difference: ngtdm_Coarseness 5.3e-13, ngtdm_Busyness 5.3e-13,
       ngtdm_Complexity 3.4e-13
gldm   14 features, largest relative difference: gldm_DependenceEntropy 7.8e-14,
       gldm_LargeDependenceLowGrayLevelEmphasis 4.2e-15, gldm_SmallDependenceLowGrayLevelEmphasis 3.6e-15
144 images: 1.80 s here, 26.6 s in pyradiomics (CPU, one core)
"""

from __future__ import annotations

import logging
import sys
import time

import numpy as np

from hybridx.radiomics.pyradiomics_glcm import pyradiomics_glcm
from hybridx.radiomics.pyradiomics_neighbours import pyradiomics_neighbours
from tests.radiomics.glcm_cases import SARCOMA, lesion, peer, sarcoma_levels

FAMILIES = ("glcm", "ngtdm", "gldm")


def cut(levels):
    array = levels.array
    box = tuple(slice(where.min(), where.max() + 1) for where in np.nonzero(array))
    return lesion(np.ascontiguousarray(array[box]), spacing=levels.spacing)


def main() -> None:
    logging.disable()
    worst, ours_took, theirs_took, images = {}, 0.0, 0.0, 0
    pyradiomics_glcm(lesion(np.ones((2, 2, 2)))), pyradiomics_neighbours(lesion(np.ones((2, 2, 2))))
    for patient in sorted(folder.name for folder in SARCOMA.iterdir()):
        for modality, width in (("PET", 0.25), ("CT", 25.0)):
            for edge in (None, 1.0):
                levels = cut(sarcoma_levels(patient, modality, width, edge))
                begin = time.process_time()
                ours = {**pyradiomics_glcm(levels).values, **pyradiomics_neighbours(levels).values}
                between = time.process_time()
                theirs = {tag: value for family in FAMILIES for tag, value in peer(family, levels).items()}
                ours_took, theirs_took = (
                    ours_took + between - begin,
                    theirs_took + time.process_time() - between,
                )
                images += 1
                for tag, value in theirs.items():
                    worst[tag] = max(worst.get(tag, 0.0), abs(ours[tag] - value) / abs(value))
    for family in FAMILIES:
        found = sorted(((gap, tag) for tag, gap in worst.items() if tag.startswith(family)), reverse=True)
        rest = ", ".join(f"{tag} {gap:.1e}" for gap, tag in found[:3])
        print(f"{family:6} {len(found)} features, largest relative difference: {rest}")  # noqa: T201
    print(f"{images} images: {ours_took:.2f} s here, {theirs_took:.1f} s in pyradiomics (CPU, one core)")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
