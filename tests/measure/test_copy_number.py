"""Copy number: shares of the genome, chromosomes, calls of genes, SEG files, and what is wrong with a table."""

from __future__ import annotations

import pytest

from hybridx.errors import InputError
from hybridx.measure import copy_number_block, read_seg
from hybridx.measure.extract_folder import extract
from hybridx.measure.table_settings import GenomicsSettings
from hybridx.terms.genes import AMPLIFIED, DELETED
from tests.cohort.folders import place, write

SEGMENTS = """\
patient_id,chromosome,start,end,num_probes,seg_mean,day
P001,1,1,600,10,0.0,
P001,chr1,601,1000,10,0.5,
P001,8,1,1000,10,-0.3,
P001,X,1,9000,10,-1.0,
P002,1,1,1000,10,0.1,
P002,1,1001,2000,10,0.15,
"""
CALLS = """\
patient_id,gene,call,day
P001,HER2,2,
P001,PTEN,-2,
P001,MYC,1,
P003,PTEN,-1,
"""


def rows(block):
    return {r["patient_id"]: r for r in block.frame.iter_rows(named=True)}


def test_shares_of_the_genome_and_means_of_chromosomes(tmp_path):
    folder = write(tmp_path, segments=SEGMENTS)
    assert folder.problems == []
    first, second = (rows(copy_number_block(folder.tables))[p] for p in ("P001", "P002"))
    assert first["copynumber.fraction_gained"] == pytest.approx(0.2)  # 400 of 2000 bases; X does not count
    assert first["copynumber.fraction_lost"] == pytest.approx(0.5)
    assert first["copynumber.fraction_altered"] == pytest.approx(0.7)
    assert first["copynumber.chr1"] == pytest.approx(0.4 * 0.5)
    assert first["copynumber.chr8"] == pytest.approx(-0.3)
    assert first["copynumber.chr2"] is None
    assert first["copynumber.breakpoints"] == 1
    assert (second["copynumber.fraction_altered"], second["copynumber.breakpoints"]) == (0, 0)


def test_calls_of_genes_and_what_was_not_called(tmp_path):
    found = rows(copy_number_block(write(tmp_path, copynumber=CALLS).tables))
    first, third = found["P001"], found["P003"]
    assert (first["copynumber.erbb2_amp"], first["copynumber.pten_del"], first["copynumber.myc_amp"]) == (
        1,
        1,
        0,
    )
    assert third["copynumber.pten_del"] == 0  # one copy is left
    assert third["copynumber.erbb2_amp"] is None and first["copynumber.egfr_amp"] is None
    assert len(first) == 1 + len(AMPLIFIED) + len(DELETED)


def test_both_tables_make_one_block_of_a_cohort(tmp_path):
    (tmp_path / "data").mkdir()
    tables = {
        "patients.csv": "patient_id,sex,age_years\nP001,female,63\nP002,male,58\nP003,male,70\n",
        "segments.csv": SEGMENTS,
        "copynumber.csv": CALLS,
    }
    write(tmp_path / "data", tables)
    cohort = extract(tmp_path / "data", out=tmp_path / "cohort", progress=False)
    found = {r["patient_id"]: r for r in cohort.blocks["copynumber"].iter_rows(named=True)}
    assert found["P003"]["copynumber.fraction_altered"] is None
    assert found["P001"]["copynumber.erbb2_amp"] == 1
    assert "copynumber.measured" in cohort.frame().columns


def test_the_last_sample_before_the_landmark_counts(tmp_path):
    later = CALLS.replace("P001,HER2,2,", "P001,HER2,2,-30\nP001,HER2,0,5").replace(
        "P001,MYC,1,", "P001,MYC,2,-30"
    )
    later = later.replace("P001,PTEN,-2,", "P001,PTEN,-2,-30")
    tables = write(tmp_path, copynumber=later).tables
    block = copy_number_block(tables)
    assert rows(block)["P001"]["copynumber.erbb2_amp"] == 1
    assert block.days["P001"] == -30
    after = copy_number_block(tables, GenomicsSettings(landmark_day=5))
    assert rows(after)["P001"]["copynumber.erbb2_amp"] == 0
    assert rows(after)["P001"]["copynumber.myc_amp"] is None


@pytest.mark.parametrize(
    ("table", "change", "expected", "words"),
    [
        ("segments", ("8,1,1000", "8,1000,1"), ("T096", 4, "end", "1"), "from 1000 on"),
        ("segments", ("chr1,601", "chr1,600"), ("T097", 3, "start", "600"), "row 2 ends"),
        ("segments", ("chr1,601", "chr1,1"), ("T097", 3, "start", "1"), "row 2 ends"),
        ("segments", ("P001,X,", "P001,23,"), ("T028", 5, "chromosome", "23"), "1 to 22, X or Y"),
        ("copynumber", ("HER2,2", "HER2,3"), ("T026", 2, "call", "3"), "from -2 to 2"),
        ("copynumber", ("MYC,1", "ERBB2,1"), ("T040", 4, "gene", "ERBB2"), "keep one"),
    ],
)  # fmt: skip
def test_one_defect_is_one_problem(tmp_path, table, change, expected, words):
    text = {"segments": SEGMENTS, "copynumber": CALLS}[table]
    assert text.count(change[0]) == 1
    (problem,) = write(tmp_path, **{table: text.replace(*change)}).problems
    assert place(problem)[:1] + place(problem)[2:] == expected
    assert words in str(problem)


def test_a_seg_file_becomes_the_table(tmp_path):
    path = tmp_path / "cohort.seg"
    path.write_text(
        "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nP001\t1\t1\t6e+02\t10\t-0.25\nP001\t23\t1\t9\t3\t1\n"
    )
    table = read_seg(path)
    assert table.rows() == [("P001", "1", 1, 600, 10, -0.25), ("P001", "X", 1, 9, 3, 1.0)]
    folder = write(tmp_path, segments=table.write_csv())
    assert folder.problems == []
    path.write_text("ID\tchrom\tstart\tend\tmean\nP001\t1\t1\t600\t-0.25\n")
    with pytest.raises(InputError, match="has 6 columns"):
        read_seg(path)
    path.write_text("ID\tchrom\tstart\tend\tn\tmean\nP001\t1\tone\t600\t1\t-0.25\n")
    with pytest.raises(InputError, match="column of the start: 'one' is no number"):
        read_seg(path)
