"""Makes the tables of tests/measure/imports that pyradiomics and MIRP write themselves, of three lesions of noise.

pyradiomics 3.0.1 (the library's own environment): python import_tables.py pyradiomics
MIRP 2.x (an environment of its own: pip install mirp): python import_tables.py mirp

lifex.csv and readii.csv are not made here: LIFEx is no Python package, and READII wants DICOM. Their headers are those
that both programs write (LIFEx 7; READII 1), the values were made up.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
TARGET = Path(__file__).parents[1] / "measure" / "imports"
PARAMETERS = """
imageType: {Original: {}, LoG: {sigma: [3.0]}}
setting: {binWidth: 0.5}
featureClass: {shape: [MeshVolume], firstorder: [Mean, Kurtosis], glcm: [Contrast, MCC]}
"""


def lesions():
    rng = np.random.default_rng(0)
    for i in range(3):
        mask = np.zeros((12, 14, 14), np.uint8)
        mask[3:9, 3:10, 4 : 9 + i] = 1
        yield (rng.normal(5, 2, mask.shape) + i).astype(np.float32), mask


def with_pyradiomics():
    import pandas as pd
    import SimpleITK as sitk
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "parameters.yaml").write_text(PARAMETERS)
        lines = ["Patient,Image,Mask"]
        for i, arrays in enumerate(lesions()):
            for kind, array in zip(("image", "mask"), arrays, strict=True):
                image = sitk.GetImageFromArray(array)
                image.SetSpacing((2, 2, 3))
                sitk.WriteImage(image, str(folder / f"{kind}{i}.nii.gz"))
            lines.append(f"P{i},image{i}.nii.gz,mask{i}.nii.gz")
        (folder / "cases.csv").write_text("\n".join(lines))
        command = [Path(sys.executable).with_name("pyradiomics"), "cases.csv", "-o", "out.csv", "-f", "csv"]
        subprocess.run([*command, "--param", "parameters.yaml"], cwd=folder, check=True, capture_output=True)
        text = (folder / "out.csv").read_text().replace(f"{folder}/", "")
        (TARGET / "pyradiomics_cli.csv").write_text(text)
        found = RadiomicsFeatureExtractor(str(folder / "parameters.yaml")).execute(
            str(folder / "image0.nii.gz"), str(folder / "mask0.nii.gz")
        )
        pd.Series(found).to_csv(TARGET / "pyradiomics_series.csv")
        pd.DataFrame([found]).to_csv(TARGET / "pyradiomics_frame.csv")


def with_mirp():
    import pandas as pd
    from mirp import extract_features

    common = {"image_modality": "pet", "base_discretisation_method": "fixed_bin_size"}
    tables = {"mirp": [], "mirp_filters": []}
    for i, (image, mask) in enumerate(lesions()):
        whole = extract_features(image=image, mask=mask > 0, base_discretisation_bin_width=0.5, **common)[0]
        filtered = extract_features(
            image=image,
            mask=mask > 0,
            base_discretisation_bin_width=[0.5, 1.0],
            new_spacing=1.0,
            filter_kernels=["laplacian_of_gaussian", "mean"],
            laplacian_of_gaussian_sigma=[2.0],
            mean_filter_kernel_size=3,
            base_feature_families=["statistics", "cm"],
            base_glcm_spatial_method=["3d_average", "2d_slice_merge"],
            response_map_feature_families="statistics",
            **common,
        )[0]
        for name, table in (("mirp", whole), ("mirp_filters", filtered)):
            table["sample_name"] = f"P{i}"
            tables[name].append(table)
    for name, parts in tables.items():
        pd.concat(parts, ignore_index=True).to_csv(TARGET / f"{name}.csv")


if __name__ == "__main__":
    {"pyradiomics": with_pyradiomics, "mirp": with_mirp}[sys.argv[1]]()
