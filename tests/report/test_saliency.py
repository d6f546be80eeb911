"""The overlay: maps add up on the viewer's grid, its model is the page's own, and the page tells all of it."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import re

import nibabel
import numpy as np
import polars as pl
import pytest

from hybridx.errors import ExplanationError, InputError
from hybridx.evaluate.designs_locked import Locked
from hybridx.explain import VoxelExplanation
from hybridx.imaging import Image
from hybridx.report import patient_page, patient_voxels, write_reports
from hybridx.report.background import Background
from hybridx.report.overlay import OPACITY, overlay_of, saliency_part
from hybridx.report.saliency import Saliency, _model_of, voxels_for
from hybridx.report.viewer import viewer
from tests.report.reading import read
from tests.report.test_language import english_left
from tests.report.test_viewer import volumes, with_volumes  # noqa: F401 - fixtures

SPACING, ORIGIN = (4.0,) * 3, (-100.0, -80.0, 10.0)


def told(modality="deep", *, pet=0.4, ct=-0.1, contour=0.05, method="by <b>hand</b>"):
    """An explanation whose PET raises around one place of the lesion and whose CT lowers around another."""
    z, y, x = np.mgrid[0:40, 0:50, 0:60]
    places = {"pet": (15, 20, 42), "ct": (18, 20, 40), "contour": (13, 20, 44)}
    maps = {}
    for name, total in (("pet", pet), ("ct", ct), ("contour", contour)):
        at = places[name]
        near = ((z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2 < 16).astype(np.float64)
        maps[name] = Image((total * near / near.sum()).astype(np.float32), SPACING, ORIGIN, modality=name)
    whole = sum(float(one.array.sum(dtype=np.float64)) for one in maps.values())
    return VoxelExplanation(
        patient_id="P000", modality=modality, scale="log-hazard", contribution=whole, maps=maps, images={}, masks={},
        inside={"pet": 0.8, "ct": 0.5}, lesion_share=0.06, outside=0.0, rest=0.0, method=method,
    )  # fmt: skip


def test_maps_add_up_to_the_contributions_on_the_grid_of_the_page(volumes):  # noqa: F811
    both = [told(), told("pet", pet=0.2, ct=0.0, contour=-0.3)]
    overlay = overlay_of(both, volumes)
    ml = float(np.prod(np.asarray(volumes["spacing"], float))) / 1000
    sums = {name: ml * values.sum() for name, values in overlay.maps.items()}
    assert sums["pet"] == pytest.approx(0.6, rel=0.03)
    assert sums["ct"] == pytest.approx(-0.1, rel=0.03)
    assert sums["all"] == pytest.approx(sum(one.contribution for one in both), abs=0.02)
    assert overlay.maps["all"] == pytest.approx(
        overlay.maps["pet"]
        + overlay.maps["ct"]
        + overlay_of([told(pet=0, ct=0)], volumes).maps["all"] * -5.0,
        abs=1e-6,
    ), "contours of both: 0.05 and -0.3"
    assert np.abs(overlay.share("all")).max() == 1.0


def test_nothing_to_lay_over(volumes):  # noqa: F811
    assert overlay_of([], volumes) is None
    assert overlay_of([told(pet=0, ct=0, contour=0)], volumes) is None
    assert overlay_of([told()], {}) is None
    assert saliency_part(None, volumes) == (None, None)


def test_each_picture_gets_the_map_of_its_image(volumes):  # noqa: F811
    found = viewer(volumes, overlay=overlay_of([told()], volumes))
    settings = json.loads(found["settings"])
    assert settings["saliency"] == {"fused": "all", "pet": "pet", "ct": "ct"}
    assert settings["veils"].keys() == {"raises", "lowers"}
    alone = viewer({k: v for k, v in volumes.items() if k != "ct"}, overlay=overlay_of([told()], volumes))
    assert json.loads(alone["settings"])["saliency"] == {"pet": "all"}
    assert json.loads(viewer(volumes)["settings"])["saliency"] == {}


def test_opacity_is_the_share_of_the_scale(volumes):  # noqa: F811
    overlay = overlay_of([told()], volumes)
    packed = dict(viewer(volumes, overlay=overlay)["data"])["saliency-pet"]
    stored = nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(packed))).get_fdata().T
    share = overlay.share("pet")
    # the viewer's library squares stored / 100
    np.testing.assert_allclose(np.sign(stored) * (stored / 100) ** 2, OPACITY * share, atol=0.011)
    assert (stored[share == 0] == 0).all()


def test_page_has_legend_unit_sums_and_shares(with_volumes):  # noqa: F811
    html = patient_page(with_volumes, patient="P000", voxels=[told(), told("pet")]).html
    page = read(html)
    assert not page.faults and len(html.encode()) < 8_000_000
    for words in (
        "contribution to the log-hazard per mL of tissue",
        "inside the lesion",
        "PET 80 %, CT 50 %",
        "+0.40",
    ):
        assert words in page.text, words
    assert "<b>hand</b>" not in html and "by <b>hand</b>" in page.text
    switch = next(a for a in page.all("input") if a.get("id") == "saliency-on")
    assert switch["type"] == "checkbox" and "checked" in switch
    assert re.search(r'<label[^>]*><input[^>]*id="saliency-on"[^>]*> show what each place adds', html)
    assert html.count('class="veil"') == 3, "three slices stand for the viewer where it cannot run"
    assert ":has(#saliency-on:not(:checked)) .veil{display:none}" in html
    assert "does not say quite the same" not in page.text
    plain = patient_page(with_volumes, patient="P000").html
    assert "saliency-on" not in read(plain).text and 'class="veil"' not in plain


def test_one_explanation_will_do_and_reasons_are_told(with_volumes):  # noqa: F811
    one = read(patient_page(with_volumes, patient="P000", voxels=told()).html)
    assert "PET 80 %, CT 50 %" in one.text
    bad = Saliency((told(),), {"ct": "<script>x</script> 3 columns differ"}, same=False)
    html = patient_page(with_volumes, patient="P000", voxels=bad).html
    assert "No map of CT: <script>x</script> 3 columns differ" in read(html).text
    assert "<script>x</script>" not in html and "does not say quite the same" in html


def test_overlay_in_german(with_volumes):  # noqa: F811
    bad = Saliency((told(),), {"ct": "the reason"}, same=False)
    html = patient_page(with_volumes, patient="P000", voxels=bad, language="de").html
    part = html[html.index('<div class="saliency') : html.index('<div id="viewer"')]
    assert english_left(part.replace("<div", "<div ", 1) + " " * 1000) == []
    assert "Beitrag zu log-hazard je mL Gewebe" in part


def test_the_model_is_that_of_the_page(result):
    """Fitted again on the training part of the patient's fold, it says what the page says, to the last digits."""
    from hybridx.explain import explain

    background = Background(result)
    for patient in ("P000", "P010"):
        fitted, others = _model_of(background, patient, None)
        assert patient not in others["patient_id"].to_list(), "the model never saw the patient"
        row = result.cohort.frame().filter(pl.col("patient_id") == patient)
        own = explain(fitted, row, others, knowing=False).modalities.drop("patient_id").row(0, named=True)
        stored = result.explanation.modalities.filter(pl.col("patient_id") == patient).row(0, named=True)
        assert {k: v for k, v in own.items() if v is not None} == pytest.approx(
            {k: stored[k] for k, v in own.items() if v is not None}, abs=1e-9
        )


def test_what_cannot_be_explained_is_refused_before_any_page(result, tmp_path):
    with pytest.raises(InputError, match=r"holds no studies.csv: give the data folder"):
        patient_voxels(result, "P000", tmp_path)
    with pytest.raises(InputError, match=r"holds no studies.csv"):
        write_reports(result, tmp_path / "out", patients=["P000"], progress=False, saliency=tmp_path)
    assert not (tmp_path / "out" / "pages").exists()
    (tmp_path / "studies.csv").write_text("patient_id,timepoint\nP999,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"P0000"):
        patient_voxels(result, "P0000", tmp_path)
    other = dataclasses.replace(result, primary="mine", models=("mine",), _known={})
    with pytest.raises(
        InputError, match=r"'mine', is none of the default ones .kernel, late, early.: give the estim"
    ):
        patient_voxels(other, "P000", tmp_path)
    external = dataclasses.replace(result, design=Locked("LateFusion for PFS", 120), _known={})
    with pytest.raises(InputError, match=r"give its folder .`--model model/`., or the LockedModel"):
        patient_voxels(external, "P000", tmp_path)


def test_patient_without_images_gets_a_page_that_says_so(saved, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "studies.csv").write_text("patient_id,timepoint\nP999,1\n", encoding="utf-8")
    write_reports(saved, tmp_path / "out", patients=["P001"], workers=1, progress=False, saliency=data)
    text = read((tmp_path / "out/pages/P001.html").read_text(encoding="utf-8")).text
    assert "No map of PET: not measured" in text
    again = write_reports(
        saved, tmp_path / "out", patients=["P001"], workers=1, progress=False, saliency=data
    )
    plain = write_reports(saved, tmp_path / "out", patients=["P001"], workers=1, progress=False)
    assert again.kept == plain.written == ["P001"], "a page without its overlay is another page"


def test_each_modality_is_asked_and_a_refusal_stops_no_other(result, tmp_path, monkeypatch):
    import hybridx.explain.voxels
    from hybridx.report import saliency

    def explained(model, table, patient, study, *, modality, **settings):
        del model, table, study, settings
        if modality == "ct":
            msg = "Too little was scanned."
            raise ExplanationError(msg)
        return dataclasses.replace(told(modality), patient_id=patient)

    monkeypatch.setattr(hybridx.explain.voxels, "explain_voxels", explained)
    monkeypatch.setattr(saliency, "_study", lambda *_: object())
    patient = result.cohort.measured.filter(pl.col("pet") & pl.col("ct"))["patient_id"][0]
    found = voxels_for(Background(result), patient, tmp_path)
    assert [one.modality for one in found.maps] == ["pet"]
    assert found.reasons == {"ct": "Too little was scanned."}
    assert not found.same, "told() does not say what the page says"
