"""A cohort without images, with noise, with less: what is promised of each, and what models say against the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import hybridx as hx
from hybridx.demo import DemoTruth, add_noise, breast_cancer, make_cohort, take_away
from hybridx.errors import InputError, SettingsError


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoTruth]:
    folder = tmp_path_factory.mktemp("tables") / "data"
    return folder, make_cohort(folder, patients=30, seed=2, images=False, progress=False)


@pytest.fixture(scope="module")
def cohort(tables: tuple[Path, DemoTruth]) -> hx.Cohort:
    return hx.extract(tables[0], out=tables[0].with_name("cohort"), workers=1, progress=False)


def test_without_images_nothing_is_drawn_and_the_patients_are_the_same(
    tables: tuple[Path, DemoTruth], tmp_path: Path
) -> None:
    folder, truth = tables
    assert not (folder / "images").exists()
    assert not (folder / "studies.csv").exists()
    drawn = make_cohort(tmp_path / "drawn", patients=2, seed=2, workers=1, progress=False)
    assert truth.latent.head(2).equals(drawn.latent)
    for name in ("patients.csv", "outcomes.csv"):
        few, many = pl.read_csv(tmp_path / "drawn" / name), pl.read_csv(folder / name)
        assert many.head(few.height).equals(few)
    assert truth.oracle_c["OS"]["measured"] != truth.oracle_c["OS"]["all"]


def test_a_folder_without_images_is_not_taken_for_one_with(tables: tuple[Path, DemoTruth]) -> None:
    folder, truth = tables
    again = make_cohort(folder, patients=30, seed=2, images=False, progress=False)
    assert again.images is False
    assert again.shares.equals(truth.shares)
    with pytest.raises(InputError, match="not empty"):
        make_cohort(folder, patients=30, seed=2, progress=False)


def test_noise_is_one_modality_more_and_nothing_else_changes(cohort: hx.Cohort) -> None:
    noisy = add_noise(cohort, features=7, seed=1)
    assert noisy.modalities == (*cohort.modalities, "noise")
    assert noisy.frame(cohort.modalities).equals(cohort.frame())
    assert noisy.measured["noise"].all()
    assert noisy.blocks["noise"].width == 8
    assert add_noise(cohort, features=7, seed=1).frame().equals(noisy.frame())
    assert not add_noise(cohort, features=7, seed=2).frame().equals(noisy.frame())
    assert "noise" not in cohort.modalities


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": 0}, r"features=0: wanted a whole number"),
        ({"modality": "lab"}, r"modality='lab': wanted a name .* does not have yet"),
        ({"modality": "No name"}, r"modality='No name': wanted a name"),
    ],
)
def test_impossible_noise_is_refused(cohort: hx.Cohort, settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        add_noise(cohort, **settings)  # type: ignore[arg-type]


def test_taking_away_leaves_the_others_as_they_were(cohort: hx.Cohort) -> None:
    fewer = take_away(cohort, "lab", 0.5, seed=3)
    had, has = int(cohort.measured["lab"].sum()), int(fewer.measured["lab"].sum())
    assert has == had - round(0.5 * had)
    lost = ~fewer.measured["lab"]
    values = fewer.blocks["lab"].filter(lost).drop("patient_id")
    assert all(column.is_null().all() for column in values)
    assert fewer.days["lab"].filter(lost).is_null().all()
    kept = fewer.measured["lab"]
    assert fewer.blocks["lab"].filter(kept).equals(cohort.blocks["lab"].filter(kept))
    others = [m for m in cohort.modalities if m != "lab"]
    assert fewer.frame(others).equals(cohort.frame(others))


def test_impossible_removals_are_refused(cohort: hx.Cohort) -> None:
    with pytest.raises(SettingsError, match=r"modality.*'labs'.*'lab'"):
        take_away(cohort, "labs")
    with pytest.raises(InputError, match=r"share=1: wanted a share"):
        take_away(cohort, "lab", 1)


def test_who_tells_the_truth_is_found_to_tell_it(tables: tuple[Path, DemoTruth], cohort: hx.Cohort) -> None:
    truth = tables[1]
    shares = truth.shares.filter(pl.col("endpoint") == "OS").select("patient_id", *cohort.modalities)
    half = shares.with_columns(pl.col(m) / 2 for m in cohort.modalities)
    silent = shares.with_columns(pl.lit(0.0).alias(m) for m in cohort.modalities)
    noise = half.with_columns(pl.lit(0.0).alias("lab"), pl.col("clinical").alias("noise"))
    table = truth.recovered(
        add_noise(cohort, 1), {"half": half, "silent": silent, "noise": noise}, endpoint="OS"
    )
    of = table.filter(pl.col("model") == "half")
    assert of["correlation"].to_numpy() == pytest.approx(np.ones(len(cohort.modalities)))
    assert of["told_spread"].to_numpy() == pytest.approx(of["true_spread"].to_numpy() / 2)
    assert of["patients"].to_list() == [int(cohort.measured[m].sum()) for m in cohort.modalities]
    assert table.filter(pl.col("model") == "silent")["correlation"].is_null().all()
    row = table.filter((pl.col("model") == "noise") & (pl.col("modality") == "noise")).row(0, named=True)
    assert row["true_spread"] == 0
    assert row["told_spread"] > 0
    assert row["correlation"] is None


def test_the_figure_shows_the_truth_beside_each_model(
    tables: tuple[Path, DemoTruth], cohort: hx.Cohort
) -> None:
    truth = tables[1]
    shares = truth.shares.filter(pl.col("endpoint") == "OS").select("patient_id", *cohort.modalities)
    figure = truth.figure_recovered(cohort, {"a<b>": shares})
    assert [trace.name for trace in figure.data] == ["truth", "a&lt;b&gt;"]
    assert list(figure.data[0].y) == pytest.approx(list(figure.data[1].y))
    assert "Synthetic" in figure.layout.title.subtitle.text


def test_the_breast_cancer_cohort_is_the_published_one() -> None:
    women = breast_cancer()
    y = women.outcomes("metastasis")
    assert (len(women), y.n_events, women.modalities) == (198, 51, ("clinical", "expression"))
    assert [women.blocks[m].width - 1 for m in women.modalities] == [4, 76]
    assert not women.provenance["synthetic"]
    # the first woman of the table: 57 years, receptor negative, poorly differentiated, 3 cm, metastasis on day 723
    assert women.blocks["clinical"].row(0)[1:] == (57.0, 0.0, 3.0, 3.0)
    assert (y.time_days[0], y.event[0]) == (723.0, True)
    assert women.blocks["clinical"]["clinical.er_positive"].sum() == 134
