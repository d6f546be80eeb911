"""Local binary patterns as pyradiomics 3.0.1 makes them, for tests/radiomics/test_lbp.py.

Run where SciPy is older than 1.15 (later ones lack what pyradiomics imports), with pyradiomics, scikit-image and
trimesh: ``python radiomics_lbp.py``. Written with numpy 2.2.6, scipy 1.14.1, scikit-image 0.26.0
and trimesh 5.2.0; the same with numpy 2.4.6 and scipy 1.17.1, told what ``sph_harm`` was.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import SimpleITK as sitk

warnings.simplefilter("ignore")
from radiomics import imageoperations  # noqa: E402

SLICES = [
    {"lbp2DMethod": "uniform"},
    {"lbp2DMethod": "uniform", "lbp2DRadius": 1.7, "lbp2DSamples": 11},
    {"lbp2DMethod": "default"},
    {"lbp2DMethod": "ror"},
    {"lbp2DMethod": "nri_uniform"},
    {"lbp2DMethod": "uniform", "force2D": True, "force2Ddimension": 2},
    {"lbp2DMethod": "default", "force2Ddimension": 2},
    {"lbp2DMethod": "var", "lbp2DRadius": 1.7},
]
SPHERES = [
    {},
    {"lbp3DLevels": 4},
    {"lbp3DIcosphereRadius": 1.6, "lbp3DIcosphereSubdivision": 2},
    {"lbp3DIcosphereRadius": 2},  # samples on the border of the image, to the last bit
]

rng = np.random.default_rng(20)
image = np.round(rng.normal(size=(6, 8, 9)) * 50.0)
image[2, 3:6, 3:6] = 7.0
mask = np.zeros(image.shape, dtype=bool)
mask[1:5, 2:7, 2:7] = True
labels = sitk.GetImageFromArray(mask.astype(np.uint8))
cases = []
for dtype in ("int16", "float32", "float64"):
    # A part of a unit, so that neighbours are not equal by rounding alone.
    pixels = (
        image.astype(dtype) if dtype == "int16" else (image + 0.25 * rng.random(image.shape)).astype(dtype)
    )
    itk = sitk.GetImageFromArray(pixels)
    for kind, settings in [("LBP2D", one) for one in SLICES] + [("LBP3D", one) for one in SPHERES]:
        for response, name, _ in getattr(imageoperations, f"get{kind}Image")(itk, labels, **settings):
            values = sitk.GetArrayFromImage(response)[mask].astype(float)
            cases.append(
                {
                    "kind": kind,
                    "settings": settings,
                    "dtype": dtype,
                    "name": name,
                    "values": [float(f"{v:.12g}") for v in values],
                }
            )
    cases.append({"kind": "image", "dtype": dtype, "values": pixels.astype(float).ravel().tolist()})
text = json.dumps({"shape": list(image.shape), "mask": np.flatnonzero(mask).tolist(), "cases": cases})
Path(__file__).with_suffix(".json").write_text(text + "\n")
