"""The library as its README shows it, line by line, from a folder to a page."""

from __future__ import annotations

import numpy as np
import pytest

import hybridx as hx
from tests.small_folder import small_folder


@pytest.mark.slow
def test_from_a_folder_to_a_page(tmp_path):
    folder = small_folder(tmp_path / "folder", n=40, n_images=14, seed=2)
    assert [p for p in hx.validate(folder) if p.severity == "error"] == []
    cohort = hx.extract(folder, out=tmp_path / "cohort", workers=1, progress=False)
    cohort = hx.Cohort.load(tmp_path / "cohort")
    assert cohort.modalities == ("clinical", "lab", "pet", "ct", "deep")

    settings = hx.RadiomicsSettings.pyradiomics(bin_width=25)
    values = hx.extract_radiomics(
        folder / "images/P001_ct_image.nii.gz", folder / "images/P001_ct_mask.nii.gz", settings
    )
    assert np.isfinite(values["original_glcm_Contrast"])

    X, y = cohort.frame(), cohort.outcomes("OS")
    model = hx.fusion.LateFusion().fit(X, y)
    risk, survival = model.predict(X), model.predict_survival(X, times=[365, 730])
    assert np.isfinite(risk).all() and survival.shape == (40, 2)
    assert (survival[:, 0] >= survival[:, 1]).all()
    why = hx.explain(model, X, background=X)
    added = why.modalities.drop("patient_id").sum_horizontal().to_numpy() + why.base
    np.testing.assert_allclose(added, why.prediction, rtol=1e-6)
    np.testing.assert_allclose(why.prediction, risk, rtol=1e-6)
    why.patient("P012").plot()

    result = hx.evaluate(
        models={"late": model, "early": hx.fusion.EarlyFusion()},
        cohort=cohort,
        endpoint="OS",
        design=hx.designs.NestedCV(folds=3, repeats=1, seed=0),
        explain=hx.explain,
        workers=1,
        progress=False,
    )
    table = result.table()
    assert {"value", "low", "high", "n", "n_events"} <= set(table.columns)
    assert {"late", "early", "clinical", "mtv", "pet", "ct", "lab"} <= set(table["model"])
    difference = result.compare("late", "clinical")
    assert difference.low <= difference.value <= difference.high
    assert set(result.predictions["patient_id"]) == set(cohort.patients)

    hx.report.patient_page(result, patient="P012").save(tmp_path / "P012.html")
    page = (tmp_path / "P012.html").read_text(encoding="utf-8")
    assert (
        "P012" in page
        and "not a medical device" in page
        and "http://" not in page.replace("http://www.w3.org", "")
    )
