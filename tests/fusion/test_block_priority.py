"""Priority: earlier modalities keep what they share with later ones, and never change because of them."""

import numpy as np
import polars as pl
import pytest

from hybridx.fusion import BlockPenalizedFusion
from tests.models.world import draw


@pytest.fixture(scope="module")
def world():
    return draw(140, seed=2, missing=0.0)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_the_first_modality_is_fitted_as_if_alone(world, l1_ratio):
    X, y, *_ = world
    setting = {"l1_ratio": l1_ratio, "recalibrate": False}
    alone = BlockPenalizedFusion("priority", ["clinical"], **setting).fit(X, y)
    first = BlockPenalizedFusion("priority", order=["clinical", "pet", "lab"], **setting).fit(X, y)
    assert first.prior_sds_["clinical"] == pytest.approx(alone.prior_sds_["clinical"])
    np.testing.assert_allclose(
        first.coef_.filter(modality="clinical")["coefficient"], alone.coef_["coefficient"], atol=1e-9
    )


def test_what_two_modalities_share_stays_with_the_first(world):
    X, y, *_ = world
    copy = X.select(pl.col("^pet\\.x.*$").name.map(lambda c: c.replace("pet", "ct")))
    X = pl.concat([X.select("patient_id", "^pet.*$"), copy], how="horizontal")
    shares = {}
    for order in (["pet", "ct"], ["ct", "pet"]):
        model = BlockPenalizedFusion("priority", order=order, recalibrate=False).fit(X, y)
        shares[order[0]] = model.shares_
    assert shares["pet"]["pet"] > 0.6
    assert shares["ct"]["ct"] == pytest.approx(shares["pet"]["pet"])
    equal = BlockPenalizedFusion(recalibrate=False).fit(X, y).shares_
    assert equal["pet"] == pytest.approx(0.5, abs=1e-3)


def test_default_order_is_clinical_then_the_smaller_first(world):
    X, y, *_ = world
    given = BlockPenalizedFusion("priority", order=["clinical", "lab", "pet"], recalibrate=False).fit(X, y)
    default = BlockPenalizedFusion("priority", recalibrate=False).fit(X.select(reversed(X.columns)), y)
    named = BlockPenalizedFusion("priority", order=["clinical"], recalibrate=False).fit(X, y)
    other = BlockPenalizedFusion("priority", order=["pet"], recalibrate=False).fit(X, y)
    np.testing.assert_allclose(default.predict(X), given.predict(X), atol=1e-6)
    np.testing.assert_allclose(named.predict(X), given.predict(X), atol=1e-12)
    assert np.abs(other.predict(X) - given.predict(X)).max() > 0.01


def test_a_later_modality_sees_held_out_offsets(world):
    """With in-sample offsets an overfitted first block would leave nothing to the second."""
    X, y, *_ = world
    rng = np.random.default_rng(0)
    noise = pl.DataFrame({f"noise.x{j}": rng.normal(size=140) for j in range(150)})
    X = pl.concat([X.select("patient_id", "^clinical.*$"), noise], how="horizontal")
    sds = {"noise": 1.5, "clinical": 0.5}
    setting = {"order": ["noise", "clinical"], "prior_sds": sds, "recalibrate": False}
    last = BlockPenalizedFusion("priority", **setting).fit(X, y)
    alone = BlockPenalizedFusion(modalities=["clinical"], prior_sds=sds, recalibrate=False).fit(X, y)
    kept = last.coef_.filter(modality="clinical")["coefficient"].to_numpy()
    assert np.linalg.norm(kept) > 0.6 * np.linalg.norm(alone.coef_["coefficient"].to_numpy())
