"""Gene flags from a fixed panel; burden; who was sequenced."""

from __future__ import annotations

import pytest

from hybridx.measure import genomics_block
from hybridx.terms.gene_tables import read_hotspots, read_pathways
from hybridx.terms.genes import AMPLIFIED, DELETED, FUSED, PANEL
from tests.cohort.folders import write

HEADER = "patient_id,gene,classification,hgvsp,panel_mb,day\n"


def block_of(folder, rows, columns=None):
    data = write(folder, variants=HEADER + rows, columns=columns)
    assert [p for p in data.problems if p.severity == "error"] == []
    return genomics_block(data.tables, data.schemas)


def values(block, patient):
    return next(r for r in block.frame.iter_rows(named=True) if r["patient_id"] == patient)


def test_flags_burden_and_measured(tmp_path):
    block = block_of(
        tmp_path,
        "P001,TP53,missense,p.R175H,1.5,\nP001,KRAS,synonymous,,1.5,\nP001,HER2,amplification,,1.5,\n"
        "P001,ABCD1,nonsense,,1.5,\nP001,EML4,fusion,,1.5,\nP001,ALK,fusion,,1.5,\nP002,-,none_found,,1.5,\n",
    )
    first, second = values(block, "P001"), values(block, "P002")
    assert first["genomics.tp53_mut"] == 1 and first["genomics.kras_mut"] == 0
    assert first["genomics.erbb2_amp"] == 1 and first["genomics.erbb2_mut"] == 0
    assert first["genomics.alk_fus"] == 1
    assert first["genomics.burden"] == 2, (
        "missense and nonsense, in and outside the panel; not synonymous, not copies"
    )
    assert first["genomics.tmb"] == pytest.approx(2 / 1.5)
    assert sum(v for k, v in second.items() if k != "patient_id" and v is not None) == 0
    assert set(block.measured) == {"P001", "P002"}, (
        "P003 was not sequenced, which is not the same as 'nothing found'"
    )
    assert block.features["column"].to_list() == block.frame.columns[1:]


def test_columns_do_not_depend_on_who_is_in_the_cohort(tmp_path):
    one = block_of(tmp_path, "P001,TP53,missense,,,\n").frame.columns
    other = block_of(tmp_path, "P002,-,none_found,,,\n").frame.columns
    assert one == other
    flags = len({h.flag for h in read_hotspots()}) + len(read_pathways())
    assert len(one) == 1 + len(PANEL) + len(AMPLIFIED) + len(DELETED) + len(FUSED) + 1 + flags


def test_declared_genes_are_added_to_the_panel(tmp_path):
    block = block_of(tmp_path, "P001,SMARCB1,nonsense,,,\n", columns="genes: [smarcb1]")
    assert values(block, "P001")["genomics.smarcb1_mut"] == 1


def test_later_samples_do_not_exist_yet(tmp_path):
    block = block_of(tmp_path, "P001,TP53,missense,,,\nP001,EGFR,missense,,,40\nP002,KRAS,missense,,,1\n")
    assert values(block, "P001")["genomics.egfr_mut"] == 0
    assert set(block.measured) == {"P001"}


def test_of_two_samples_the_later_one_counts(tmp_path):
    block = block_of(tmp_path, "P001,TP53,missense,,,-90\nP001,KRAS,missense,,,-5\n")
    row = values(block, "P001")
    assert (row["genomics.tp53_mut"], row["genomics.kras_mut"]) == (0, 1)
    assert block.days["P001"] == -5
