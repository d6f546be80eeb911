"""The Explanation object: checked, stored, joined, shown."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from hybridx.errors import ExplanationError, InputError
from hybridx.explain import Explanation, explain
from hybridx.fusion import LateFusion
from tests.models.world import draw

NASTY = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def parts():
    X, y, *_ = draw(90, seed=4)
    X = X.rename({"pet.x0": f"pet.{NASTY}"})
    found = []
    for start in (0, 45):
        test = np.arange(start, start + 45)
        train = np.setdiff1d(np.arange(90), test)
        model = LateFusion(modalities=["clinical", "pet"] if start else None).fit(X[train], y[train])
        found.append(explain(model, X[test], X[train], units={"pet.x1": "g/mL{SUVbw}", "no.such": "1"}))
    return found


@pytest.fixture(scope="module")
def why(parts):
    return Explanation.concat(parts)


def test_concat_keeps_everyone_and_fills_what_a_fold_did_not_use(parts, why):
    assert why.patients == parts[0].patients + parts[1].patients
    assert why.modality_names == ["clinical", "pet", "lab"]
    assert (why.modalities["lab"][45:] == 0).all()
    np.testing.assert_array_equal(why.prediction, np.concatenate([p.prediction for p in parts]))
    assert why.units == {"pet.x1": "g/mL{SUVbw}"}


def test_concat_refuses_mixed_scales_and_nothing(parts):
    other = dataclasses.replace(parts[0], scale="log-odds")
    with pytest.raises(InputError, match="on one scale"):
        Explanation.concat([parts[1], other])
    with pytest.raises(InputError, match="got none"):
        Explanation.concat([])


def test_wrong_sums_are_refused(parts):
    good = parts[0]
    with pytest.raises(ExplanationError, match=r"do not add up: the modalities and the base give row 0"):
        dataclasses.replace(good, base=good.base + 1e-4)
    moved = good.features.with_columns(pl.col("clinical.x0") + 1e-3)
    with pytest.raises(ExplanationError, match="the features of 'clinical'"):
        dataclasses.replace(good, features=moved)
    with pytest.raises(ExplanationError, match="do not add up"):
        dataclasses.replace(good, prediction=np.full(45, np.nan))
    with pytest.raises(ExplanationError, match="differ in rows or columns"):
        dataclasses.replace(good, base=good.base[:3])


def test_save_and_load_give_the_same(why, tmp_path):
    again = Explanation.load(why.save(tmp_path / "why"))
    assert again.features.equals(why.features) and again.values.equals(why.values)
    assert again.modalities.equals(why.modalities)
    assert again.knowing.equals(why.knowing) and again.details.imputed.equals(why.details.imputed)
    np.testing.assert_array_equal(again.base, why.base)
    assert (again.scale, again.method, again.units) == (why.scale, why.method, why.units)
    why.save(tmp_path / "why")  # a second save replaces the first
    assert sorted(p.name for p in (tmp_path / "why").iterdir()) == [
        "explanation.json",
        "features.parquet",
        "imputed.parquet",
        "knowing.parquet",
        "modalities.parquet",
        "totals.parquet",
        "values.parquet",
    ]


def test_load_names_what_is_wrong(why, tmp_path):
    with pytest.raises(InputError, match="holds no readable explanation"):
        Explanation.load(tmp_path)
    folder = why.save(tmp_path / "why")
    text = (folder / "explanation.json").read_text()
    (folder / "explanation.json").write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(InputError, match="has format 99; this version reads 1"):
        Explanation.load(folder)
    (folder / "explanation.json").write_text(text)
    pl.read_parquet(folder / "totals.parquet").with_columns(pl.col("base") + 1).write_parquet(
        folder / "totals.parquet"
    )
    with pytest.raises(ExplanationError, match="do not add up"):
        Explanation.load(folder)


def test_patient_table_adds_up_and_is_sorted(why):
    patient = why.patient("P003")
    table = patient.table()
    sizes = table["contribution"].abs().to_list()
    assert sizes == sorted(sizes, reverse=True)
    for top in (1, 5, None):
        assert patient.base + patient.table(top)["contribution"].sum() == pytest.approx(
            patient.prediction, abs=1e-6
        )
    assert patient.table(5).height == 6 and patient.table(5)["feature"][5] == "16 other features"
    assert patient.base + patient.modality_table()["contribution"].sum() == pytest.approx(
        patient.prediction, abs=1e-6
    )
    assert table.filter(pl.col("feature") == "pet.x1")["unit"].to_list() == ["g/mL{SUVbw}"]
    assert "P003" in repr(patient) and "log-hazard" in repr(patient)


def test_unknown_patient_is_named_with_the_nearest(why):
    with pytest.raises(InputError, match=r"no patient 'p 003'\. Did you mean 'P003'"):
        why.patient("p 003")


def test_importance(why):
    table = why.importance()
    assert table.columns == ["feature", "modality", "mean_abs", "share"]
    assert table["mean_abs"].is_sorted(descending=True)
    assert table["share"].sum() == pytest.approx(1)
    first = table["feature"][0]
    assert table["mean_abs"][0] == pytest.approx(why.features[first].abs().mean())
    with pytest.raises(InputError, match=r"'modalty'\. Did you mean 'modality'"):
        why.importance("modalty")


def test_with_units(why):
    assert why.with_units({"clinical.x0": "a", "nowhere.x": "b"}).units == {"clinical.x0": "a"}


@pytest.mark.parametrize(
    "scale",
    [
        "log-hazard",
        "log-odds",
        "log-mortality",
        "ordinal log-odds",
        "value",
        "event log-odds",
        "SD of log-time",
    ],
)
def test_figures_have_titles_units_and_escaped_text(why, scale):
    shown = dataclasses.replace(why, scale=scale)
    patient = shown.patient("P003")
    for figure in (
        patient.plot(30),
        patient.plot_modalities(),
        shown.plot(30),
        shown.plot_modalities(),
        shown.plot_beeswarm(30),
    ):
        text = str(figure.to_dict())  # to_json would hide "<" and "/" behind escapes of its own
        assert "<script>" not in text
        assert figure.layout.xaxis.title.text
    assert "&lt;script&gt;" in str(shown.plot(30).to_dict())
    rows = shown.values["pet.x1"].is_not_null() & (shown.features["pet.x1"] != 0)
    with_pet = shown.patient(shown.values["patient_id"].filter(rows)[0])
    assert "g/mL{SUVbw}" in str(with_pet.plot(30).to_dict())


def test_waterfall_marks_missing_values_and_skips_absent_modalities(why):
    imputed = why.values["clinical.x0"].is_null() & (why.features["clinical.x0"] != 0)
    text = why.patient(why.values["patient_id"].filter(imputed)[0]).plot(30).to_json()
    assert "(filled in)" in text and "clinical.x0 (missing)" not in text
    absent = why.values["patient_id"].filter(why.modalities["pet"] == 0)[0]
    assert "pet." not in why.patient(absent).plot(30).to_json()


def test_waterfall_ends_at_the_prediction(why):
    patient = why.patient("P003")
    figure = patient.plot(5)
    last = figure.data[-1]
    assert last.base[0] + last.x[0] == pytest.approx(patient.prediction, abs=1e-6)
    assert figure.data[0].base[0] == pytest.approx(patient.base)
    raises = {bar.marker.color for bar in figure.data if bar.x[0] > 0}
    lowers = {bar.marker.color for bar in figure.data if bar.x[0] < 0}
    assert len(raises) <= 1 and len(lowers) <= 1 and not raises & lowers
