"""Endpoints, responses, tracers, genes, modalities."""

from __future__ import annotations

import pytest

from hybridx.errors import InputError
from hybridx.terms.endpoints import ENDPOINTS, canonical_endpoint, endpoint_title, nearest_endpoint
from hybridx.terms.genes import AMPLIFIED, DELETED, FUSED, PANEL, canonical_gene
from hybridx.terms.modalities import MODALITIES, modality_title
from hybridx.terms.response import CRITERIA, find_response, nearest_response
from hybridx.terms.tracers import HALF_LIFE_S, TRACERS, find_tracer
from hybridx.terms.units import is_unit


def test_endpoints_have_one_spelling():
    assert canonical_endpoint("os") == "OS"
    assert canonical_endpoint("rpfs") == "rPFS"
    assert canonical_endpoint("lung_metastasis") == "lung_metastasis"
    assert endpoint_title("lung_metastasis") == "lung metastasis"
    assert nearest_endpoint("PFSS") == "PFS"
    assert all(canonical_endpoint(name.lower()) == name for name in ENDPOINTS)


@pytest.mark.parametrize("name", ["", "1OS", "O S", "OS/PFS", "x" * 41, "<b>"])
def test_what_is_no_name_of_an_endpoint(name):
    with pytest.raises(InputError, match="is no name of an endpoint"):
        canonical_endpoint(name)


def test_response_categories_tell_their_criterion():
    assert find_response("cr") == ("RECIST", "CR")
    assert find_response("PMD") == ("PERCIST", "PMD")
    assert find_response("Responder") == ("binary", "responder")
    assert find_response("NE") is None
    assert nearest_response("CRR") == "CR"
    categories = [c for criterion in CRITERIA.values() for c in criterion.categories]
    assert len(categories) == len(set(categories)), "a category must tell its criterion"
    for criterion in CRITERIA.values():
        assert set(criterion.responders) <= set(criterion.categories)
        assert 0 < len(criterion.responders) < len(criterion.categories)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FDG", "FDG"),
        ("18F-FDG", "FDG"),
        ("[18F]FDG", "FDG"),
        ("68Ga-PSMA-11", "PSMA-11"),
        ("Ga-68 DOTATATE", "DOTATATE"),
    ],
)
def test_tracers_are_found_with_and_without_isotope(text, name):
    assert find_tracer(text).name == name


def test_tracers_have_half_lives():
    assert find_tracer("water") is None
    assert all(t.isotope in HALF_LIFE_S for t in TRACERS.values())
    assert 109.5 < find_tracer("FDG").half_life_s / 60 < 110.0  # F-18: 109.7 minutes
    assert 67.5 < find_tracer("PSMA-11").half_life_s / 60 < 68.0  # Ga-68: 67.7 minutes


def test_gene_panel():
    assert len(PANEL) == len(set(PANEL))
    assert list(PANEL) == sorted(PANEL)
    assert {*AMPLIFIED, *DELETED, *FUSED} <= set(PANEL)
    assert canonical_gene(" her2 ") == "ERBB2"
    assert all(canonical_gene(g) == g for g in PANEL)


def test_modalities():
    assert modality_title("ct@3") == "CT, timepoint 3"
    assert all(m.unit is None or is_unit(m.unit) for m in MODALITIES.values())
