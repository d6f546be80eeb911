"""The cohort is consistent or not built, survives the disk, and knows what was known when."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from hybridx.cohort import (
    Block,
    Cohort,
    feature_columns,
    images,
    measured_mask,
    modalities_in,
    to_frame,
    to_matrix,
)
from hybridx.errors import InputError

from .conftest import IDS, make_block


def test_frame_is_led_by_flags_and_carries_the_centre(cohort):
    frame = cohort.frame()
    assert frame.columns == [
        "patient_id", "centre",
        "pet.measured", "pet.suv_max", "pet.mtv_41pct", "lab.measured", "lab.ldh", "pet@2.measured", "pet@2.suv_max",
    ]  # fmt: skip
    assert frame["patient_id"].to_list() == IDS
    assert frame["pet.measured"].to_list() == [True, True, True, False, False]
    assert feature_columns(frame) == ["pet.suv_max", "pet.mtv_41pct", "lab.ldh", "pet@2.suv_max"]
    assert feature_columns(frame, ["pet"]) == ["pet.suv_max", "pet.mtv_41pct"], "pet@2 is another modality"
    assert modalities_in(frame) == ["pet", "lab", "pet@2"]
    assert measured_mask(frame, "lab").tolist() == [False, True, True, True, True]
    assert np.isnan(to_matrix(frame, ["pet.suv_max"])[3:]).all()


def test_pandas_frame_gives_the_same_columns(cohort):
    frame = cohort.frame()
    assert feature_columns(frame.to_pandas()) == feature_columns(frame)
    assert to_frame(frame.to_pandas())["pet.suv_max"].to_list()[:3] == frame["pet.suv_max"].to_list()[:3]
    assert cohort.to_pandas().index.tolist() == IDS


def test_an_array_is_refused_because_features_have_names():
    with pytest.raises(InputError, match="never by position"):
        feature_columns(np.zeros((3, 2)))


def test_round_trip_through_the_disk(cohort, tmp_path):
    cohort.save(tmp_path / "cohort")
    back = Cohort.load(tmp_path / "cohort")
    assert back.frame().equals(cohort.frame())
    assert back.outcomes("OS") == cohort.outcomes("OS")
    assert back.provenance == cohort.provenance
    assert back.features.equals(cohort.features)


def test_same_cohort_same_bytes(cohort, tmp_path):
    for name in ("one", "two"):
        cohort.save(tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert [(tmp_path / "one" / f).read_bytes() for f in files] == [
        (tmp_path / "two" / f).read_bytes() for f in files
    ]


def test_a_changed_file_is_noticed(cohort, tmp_path):
    folder = cohort.save(tmp_path / "cohort")
    pl.read_parquet(folder / "measured.parquet").with_columns(pet=pl.lit(True)).write_parquet(
        folder / "measured.parquet"
    )
    with pytest.raises(InputError, match=r"measured\.parquet changed"):
        Cohort.load(folder)


def test_a_manifest_cannot_lead_out_of_the_folder(cohort, tmp_path):
    folder = cohort.save(tmp_path / "cohort")
    manifest = json.loads((folder / "cohort.json").read_text())
    manifest["tables"].append("../../secret")
    (folder / "cohort.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="no names of modalities"):
        Cohort.load(folder)


def test_a_newer_schema_is_refused(cohort, tmp_path):
    folder = cohort.save(tmp_path / "cohort")
    manifest = json.loads((folder / "cohort.json").read_text()) | {"schema_version": 99}
    (folder / "cohort.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="schema version 99"):
        Cohort.load(folder)


def test_loading_a_data_folder_names_the_cure(tmp_path):
    (tmp_path / "patients.csv").write_text("patient_id\nP1\n")
    with pytest.raises(InputError, match=r"run hybridx\.extract"):
        Cohort.load(tmp_path)


def test_saving_over_other_files_is_refused(cohort, tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError):
        cohort.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


def test_outcomes_are_in_cohort_order_and_unknown_is_nan(cohort):
    y = cohort.outcomes("OS")
    assert y.time_days[:4].tolist() == [100, 200, 300, 400] and np.isnan(y.time_days[4])
    assert y.event.tolist() == [True, False, True, True, False]
    assert y.origin == "treatment_start"
    response = cohort.outcomes("response")
    assert response.kind == "response" and response.criterion == "RECIST 1.1"
    assert response.known.tolist() == [True, True, True, False, False]
    with pytest.raises(InputError, match=r"no endpoint 'Os'.*mean 'OS'"):
        cohort.outcomes("Os")


def test_select_keeps_everything_in_step(cohort):
    part = cohort.select(["Müller-07", "P001"])
    assert part.frame()["patient_id"].to_list() == ["Müller-07", "P001"]
    assert part.outcomes("OS").time_days.tolist() == [400, 100]
    assert part.frame().select("pet.suv_max").equals(cohort.frame()[[3, 0]].select("pet.suv_max"))
    with pytest.raises(InputError, match="not in the cohort: P9"):
        cohort.select(["P9"])


def test_landmark_forgets_what_came_later(cohort):
    early = cohort.at(0)
    assert not early.measured["pet@2"].any()
    assert early.frame()["pet@2.suv_max"].is_null().all()
    late = cohort.at(150)
    assert late.outcomes("OS").time_days[list(late.patients).index("P002")] == 50
    assert late.measured["pet@2"].any()
    assert late.outcomes("OS").origin == "day 150"


def test_what_came_after_a_day_is_counted(cohort):
    assert cohort.measured_after(0) == {"pet@2": 2}
    assert cohort.measured_after(60) == {}
    assert (cohort.landmark_day, cohort.at(60).landmark_day) == (0.0, 60.0)


def test_patient_past_the_landmark_leaves_the_endpoint(cohort):
    """P001 died on day 100: gone from OS at day 150, still there for the response; day 500 leaves no survivor."""
    y = cohort.at(150).outcomes("OS")
    assert not y.known[IDS.index("P001")] and y.known[IDS.index("P002")]
    assert "P003" in cohort.at(500).patients and "Müller-07" not in cohort.at(500).patients


def test_all_problems_are_told_at_once(cohort):
    broken = cohort.blocks["pet"].rename({"pet.suv_max": "pet.suv_maxx"})
    with pytest.raises(InputError) as caught:
        dataclasses.replace(
            cohort,
            blocks={**cohort.blocks, "pet": broken},
            measured=cohort.measured.with_columns(lab=pl.lit(value=False)),
        )
    text = str(caught.value)
    assert "(3 problems)" in text
    assert "without provenance: 'pet.suv_maxx'. Did you mean 'pet.suv_max'?" in text
    assert "4 patients have values, yet `measured` is False: P002, P003, Müller-07, P005" in text
    assert "describe no column: pet.suv_max" in text


def test_same_patient_twice_is_refused():
    with pytest.raises(InputError, match="more than once: P001"):
        Cohort.build(["P001", "P001"], [])


def test_block_of_a_stranger_is_refused():
    block = make_block("pet", ["suv_max"], ["P777"], np.random.default_rng(0))
    with pytest.raises(InputError, match="not in the cohort: P777"):
        Cohort.build(["P001"], [block])


def test_infinite_value_is_refused():
    block = make_block("pet", ["suv_max"], ["P001"], np.random.default_rng(0))
    block = dataclasses.replace(
        block, frame=block.frame.with_columns(pl.lit(float("inf")).alias("pet.suv_max"))
    )
    with pytest.raises(InputError, match="infinite"):
        Cohort.build(["P001"], [block])


def test_measured_without_a_value_is_allowed():
    """A feature that could not be computed is not an absent scan."""
    block = make_block("pet", ["suv_max"], ["P001"], np.random.default_rng(0))
    empty = block.frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("pet.suv_max"))
    cohort = Cohort.build(["P001"], [Block("pet", empty, {"P001": True}, {"P001": 0.0}, block.features)])
    assert cohort.frame()["pet.measured"].to_list() == [True]


def test_cohort_is_frozen(cohort):
    with pytest.raises(dataclasses.FrozenInstanceError):
        cohort.patients = ()


def test_repr_tells_counts_and_html_is_escaped(cohort, tables):
    text = repr(cohort)
    assert text.startswith("SYNTHETIC cohort: 5 patients, 3 modalities, 1 patients with every modality")
    assert "3/5" in text and "3 events" in text and "2 responders" in text
    evil = tables["outcomes"].with_columns(origin=pl.lit("<script>alert(1)</script>"))
    html = dataclasses.replace(cohort, tables={**cohort.tables, "outcomes": evil})._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_images_are_found_by_content_and_tampering_is_noticed(cohort, tmp_path):
    address, content = images.pack({"pet_axial": np.arange(6, dtype=np.float16).reshape(2, 3)})
    assert images.pack({"pet_axial": np.arange(6, dtype=np.float16).reshape(2, 3)}) == (address, content)
    table = pl.DataFrame({"patient_id": ["P001"], "kind": ["views"], "address": [address], "day": [0.0]})
    folder = tmp_path / "first"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / f"{address}.npz").write_bytes(content)
    with_images = dataclasses.replace(cohort, tables={**cohort.tables, "images": table}, folder=folder)
    saved = Cohort.load(with_images.save(tmp_path / "second"))
    assert saved.load_images("P001")["pet_axial"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert saved.load_images("P002") == {}
    (tmp_path / "second" / "images" / f"{address}.npz").write_bytes(b"other")
    with pytest.raises(InputError, match="changed since"):
        saved.load_images("P001")


def test_a_landmark_moves_delayed_entry_too(cohort):
    outcomes = cohort.tables["outcomes"].with_columns(
        pl.Series("entry_days", [0.0, 120.0, 250.0, None, None, None, None, None])
    )
    late = dataclasses.replace(cohort, tables={**cohort.tables, "outcomes": outcomes}).at(150)
    y = late.outcomes("OS")
    found = {p: (t, e) for p, t, e in zip(late.patients, y.time_days, y.entry_days, strict=True) if t > 0}
    assert found == {"P002": (50.0, 0.0), "P003": (150.0, 100.0), "Müller-07": (250.0, 0.0)}


def test_causes_of_the_event_reach_the_outcome(cohort):
    outcomes = cohort.tables["outcomes"].with_columns(
        pl.Series("cause", ["cancer", None, "heart", "cancer", None, None, None, None])
    )
    y = dataclasses.replace(cohort, tables={**cohort.tables, "outcomes": outcomes}).outcomes("OS")
    assert y.cause.tolist() == ["cancer", "", "heart", "cancer", ""]
