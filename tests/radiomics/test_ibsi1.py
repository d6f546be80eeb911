"""IBSI-1: every consensus value of the digital phantom and of configurations A to E on the CT phantom."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from hybridx.radiomics import measure_radiomics
from hybridx.radiomics.names import ibsi_table, names_of, split_tag
from tests.measure.real_data import real
from tests.radiomics.ibsi_configs import CONFIGS, consensus, matches, paths
from tests.radiomics.ibsi_diagnostics import diagnostics

COUNTS = {
    "digital_phantom": 482,
    "config_A": 346,
    "config_B": 346,
    "config_C": 210,
    "config_D": 210,
    "config_E": 210,
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data() -> Path:
    """Folder of the real data, when the phantoms are there."""
    return real("ibsi", "ibsi_reference.csv").parents[1]


@pytest.mark.parametrize("config", list(CONFIGS))
def test_every_feature_lies_within_the_tolerance(config, data):
    found = measure_radiomics(*paths(data, config), CONFIGS[config], engine="hybridx")
    rows = [row for row in consensus(data, config) if not row["family"].startswith("Diagnostics")]
    assert len(rows) == COUNTS[config]
    wrong = {
        row["feature_tag"]: (found.values.get(row["feature_tag"]), row["reference"])
        for row in rows
        if not matches(found.values.get(row["feature_tag"], float("nan")), row)
    }
    assert not wrong
    assert set(found.values) == set(names_of(CONFIGS[config], "original"))
    more = {split_tag(name)[0] for name in set(found.values) - {row["feature_tag"] for row in rows}}
    assert all(ibsi_table()[tag].standardised == "no" for tag in more)


@pytest.mark.parametrize("config", [name for name in CONFIGS if name != "digital_phantom"])
def test_image_and_masks_on_the_way(config, data):
    found = diagnostics(*paths(data, config), CONFIGS[config])
    rows = [row for row in consensus(data, config) if row["family"].startswith("Diagnostics")]
    assert len(rows) == 60
    wrong = {
        r["feature_tag"]: (found[r["feature_tag"]], r["reference"])
        for r in rows
        if not matches(found[r["feature_tag"]], r)
    }
    assert not wrong


@pytest.mark.slow
def test_the_page_says_what_the_engine_gives(data):
    spec = importlib.util.spec_from_file_location("ibsi_page", ROOT / "benchmarks" / "ibsi_compliance.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    written = (ROOT / "docs" / "ibsi_compliance.md").read_text(encoding="utf-8")
    assert written == program.page(data), "run: python benchmarks/ibsi_compliance.py --data ../shared/data"


def test_a_value_outside_the_tolerance_does_not_match():
    row = {"reference": "0.149", "tolerance": "0.002"}
    assert matches(0.1514, row) and not matches(0.1516, row)
    assert not matches(float("nan"), row)
    assert not matches(125255, {"reference": "125256", "tolerance": "0"})
