"""Fewer columns that still add up."""

import numpy as np
import polars as pl
import pytest

from hybridx.errors import InputError
from hybridx.explain import Explanation, explain
from hybridx.fusion import LateFusion
from hybridx.prepare import CorrelationClusters
from tests.models.world import draw


@pytest.fixture(scope="module")
def why():
    X, y, *_ = draw(100, seed=5)
    rng = np.random.default_rng(0)
    near = [(X["pet.x0"] + 0.05 * rng.normal(size=100)).alias(f"pet.near{k}") for k in range(3)]
    X = X.with_columns(near)
    names = [
        c for c in X.columns if c.startswith(("pet.", "lab.", "clinical.")) and not c.endswith(".measured")
    ]
    about = pl.DataFrame(
        {
            "column": names,
            "unit": ["1"] * len(names),
            "family": ["near" if "near" in c or c == "pet.x0" else "rest" for c in names],
            "ibsi_id": ["ABCD" if "near" in c else None for c in names],
        },
        schema_overrides={"ibsi_id": pl.String},
    )
    return explain(LateFusion().fit(X, y), X, features=about)


def sums(why, columns):
    return why.features.select(columns).to_numpy().sum(axis=1)


def test_families_sum_their_features_and_never_cross_modalities(why):
    small = why.collapse("family")
    assert small.feature_names == ["clinical.rest", "pet.near", "pet.rest", "lab.rest"]
    near = ["pet.x0", "pet.near0", "pet.near1", "pet.near2"]
    np.testing.assert_allclose(small.features["pet.near"].to_numpy(), sums(why, near), atol=1e-12)
    assert small.modalities.equals(why.modalities)
    assert list(small.details.groups["pet.near"]) == near
    table = small.patient(small.patients[0]).table()
    assert table.filter(pl.col("feature") == "pet.near")["state"].item() == "4 features"
    assert "missing" not in str(small.patient(small.patients[0]).plot().to_dict())


def test_columns_without_an_ibsi_id_stay_themselves(why):
    small = why.collapse("ibsi")
    assert "pet.ABCD" in small.feature_names and "pet.x0" in small.feature_names
    assert small.values["pet.x0"].equals(why.values["pet.x0"])
    assert small.units["pet.x0"] == "1" and "pet.ABCD" not in small.units


def test_clusters_take_copies_together(why):
    small = why.collapse("clusters")
    group = next(c for c in small.feature_names if c.endswith("and 3 like it"))
    assert sorted(small.details.groups[group]) == ["pet.near0", "pet.near1", "pet.near2", "pet.x0"]
    own = CorrelationClusters(0.9).fit(why.values.drop("patient_id"))
    assert len(why.collapse(own).feature_names) >= len(small.feature_names)


def test_a_mapping_either_way_round(why):
    one = why.collapse({"size": ["pet.x0", "pet.near0"], "blood": ["lab.x0"]})
    two = why.collapse({"pet.x0": "size", "pet.near0": "size", "lab.x0": "blood"})
    assert one.features.equals(two.features)
    assert "pet.size" in one.feature_names
    assert "lab.x0" in one.feature_names  # a group of one keeps its name and value
    with pytest.raises(
        InputError, match=r"1 names of the mapping are no columns of the explanation: 'pet.y0'|pet\.y0"
    ):
        why.collapse({"size": ["pet.y0"]})
    with pytest.raises(InputError, match="stand in two groups"):
        why.collapse({"a": ["pet.x0"], "b": ["pet.x0"]})
    with pytest.raises(InputError, match="named like columns of the explanation"):
        why.collapse({"pet.x1": ["pet.x0", "pet.near0"]})


def test_collapse_twice_keeps_count_and_saves(why, tmp_path):
    twice = why.collapse("family").collapse("modality")
    assert twice.feature_names == ["clinical.all", "pet.all", "lab.all"] or len(twice.feature_names) == 3
    assert set(twice.details.groups["pet.all"]) == {c for c in why.feature_names if c.startswith("pet.")}
    again = Explanation.load(twice.save(tmp_path / "why"))
    assert again.details.groups == {k: list(v) for k, v in twice.details.groups.items()}
    assert again.details.about.equals(twice.details.about)


def test_what_cannot_be_grouped_is_said(why):
    with pytest.raises(InputError, match=r"'famliy'\. Did you mean 'family'"):
        why.collapse("famliy")
    bare = Explanation.concat([why]).with_units({})
    bare.details.__dict__["about"] = None
    with pytest.raises(InputError, match="provenance of the columns is needed"):
        bare.collapse("family")


def test_a_family_named_like_one_of_its_columns_says_that_it_is_the_family(why):
    about = why.details.about.with_columns(
        family=pl.when(pl.col("column").str.starts_with("lab.")).then(pl.lit("x0")).otherwise("family")
    )
    small = why.collapse("family", features=about)
    members = [c for c in why.feature_names if c.startswith("lab.")]
    assert "lab.x0" in members and "lab.x0 (family)" in small.feature_names
    np.testing.assert_allclose(small.features["lab.x0 (family)"].to_numpy(), sums(why, members), atol=1e-12)
