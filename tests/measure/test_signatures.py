"""Signatures are scored by rank within the sample: by hand, at their limits, and without a look at anybody else."""

from __future__ import annotations

import gzip
import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.measure import expression_block
from hybridx.measure.signatures import signature_scores
from hybridx.measure.table_settings import ExpressionSettings
from hybridx.terms.gene_sets import GeneSet, builtin_gene_sets, read_gmt
from tests.cohort.folders import place, write
from tests.measure.real_data import real

TEN = [f"G{i}" for i in range(10)]


def levels(values, patient="A", genes=None):
    names = TEN if genes is None else genes
    return pl.DataFrame({"patient_id": patient, "gene": names, "level": np.asarray(values, float)})


def score(table, *genes, **options):
    found = signature_scores(table, [GeneSet("s", "S", genes)], **{"min_genes": 2, **options})
    return dict(found.select("patient_id", "score").iter_rows())


def test_a_score_by_hand():
    # ranks 1..10; the set holds ranks 3, 5 and 10: mean 6, low 2, range 7
    assert score(levels(range(10)), "G2", "G4", "G9")["A"] == pytest.approx((6 - 2) / 7 - 0.5)


def test_the_limits_and_the_middle():
    assert score(levels(range(10)), "G7", "G8", "G9")["A"] == 0.5
    assert score(levels(range(10)), "G0", "G1", "G2")["A"] == -0.5
    assert score(levels([1] * 10), "G0", "G1", "G2")["A"] == pytest.approx(0), "ties share their mean rank"


def test_it_equals_the_formula_of_the_paper_written_out():
    rng = np.random.default_rng(3)
    values, chosen = rng.normal(size=200), rng.choice(200, 17, replace=False)
    names = [f"G{i}" for i in range(200)]
    rank = np.array([(values <= v).sum() for v in values])
    mean, low, high = rank[chosen].mean(), (17 + 1) / 2, (2 * 200 - 17 + 1) / 2
    found = score(levels(values, genes=names), *(names[i] for i in chosen))["A"]
    assert found == pytest.approx((mean - low) / (high - low) - 0.5, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    values=st.lists(st.floats(-50, 50).map(lambda v: round(v, 3)), min_size=10, max_size=10), data=st.data()
)
def test_only_the_order_within_the_sample_matters(values, data):
    order = data.draw(st.permutations(range(10)))
    table = levels(values)
    alone = score(table, "G1", "G5")
    stretched = score(levels(2 * np.asarray(values) ** 3 + np.asarray(values)), "G1", "G5")
    other = levels(np.asarray(values)[::-1] * 1e6, patient="B")
    together = score(pl.concat([other, table[list(order)]]), "G1", "G5")
    assert alone == pytest.approx(stretched)
    assert together["A"] == alone["A"]


def test_too_few_genes_give_no_score():
    assert score(levels(range(10)), "G1", "G2", "X", "Y", "Z") == {}
    assert "A" in score(levels(range(10)), "G1", "G2", "X", coverage=0.6)
    assert score(levels(range(10)), "G1", min_genes=11) == {}
    assert score(levels(range(10)), *TEN) == {}, "a set of all genes has no rank"


def counts(patient, seed, high=()):
    rng = np.random.default_rng(seed)
    names = [f"X{i}" for i in range(700)] + [g for s in builtin_gene_sets() for g in s.genes]
    value = rng.negative_binomial(2, 0.01, len(names)).astype(float)
    value[[i for i, n in enumerate(names) if n in high]] += 1e5
    return pl.DataFrame({"patient_id": patient, "gene": names, "value": value, "unit": "counts", "day": 0.0})


def test_signatures_join_the_block_with_their_provenance():
    immune = builtin_gene_sets()[0].genes
    table = pl.concat([counts("A", 0), counts("Ärztin 2", 1, high=immune)])
    block = expression_block({"expression": table})
    scores = dict(block.frame.select("patient_id", "expression.sig_tcell_inflamed").iter_rows())
    assert scores["Ärztin 2"] == 0.5 and abs(scores["A"]) < 0.3
    rows = block.features.filter(family="signature")
    assert rows["column"].to_list() == ["expression.sig_tcell_inflamed", "expression.sig_proliferation"]
    assert block.features["column"].to_list() == block.frame.columns[1:]
    alone = expression_block({"expression": table}, settings=ExpressionSettings(genes=False))
    assert alone.frame.width == 3
    none = expression_block({"expression": table}, settings=ExpressionSettings(signatures=False))
    assert not any("sig_" in c for c in none.frame.columns)


def test_a_small_panel_has_no_signatures():
    small = pl.DataFrame(
        {
            "patient_id": "A",
            "gene": list(builtin_gene_sets()[1].genes),
            "value": 5.0,
            "unit": "TPM",
            "day": 0.0,
        }
    )
    assert expression_block({"expression": small}).frame.width == 12


def test_gene_sets_of_the_folder_are_scored_and_checked(tmp_path):
    table = counts("P001", 2).drop("day").with_columns(pl.col("value").cast(pl.Int64))
    files = {
        "patients.csv": "patient_id\nP001\n",
        "expression.csv": table.write_csv(),
        "gene_sets.gmt": "Mein Satz\tnone\tx1\tX2\tX3\nFAR\tnone\tAB1\tAB2\n",
    }
    data = write(tmp_path, files)
    assert [place(p) for p in data.problems] == [("T095", "gene_sets.gmt", None, None, "far")]
    assert "Not in the table: AB1, AB2." in data.problems[0].hint
    block = expression_block(data.tables, data.schemas)
    assert "expression.sig_mein_satz" in block.frame.columns
    assert "expression.sig_far" not in block.frame.columns
    wrong = write(tmp_path, files | {"gene_sets.gmt": "A\tnone\tX1\nB\tnone\nA\tnone\tX2\n"})
    assert [place(p)[:3] for p in wrong.problems] == [
        ("T094", "gene_sets.gmt", 2),
        ("T094", "gene_sets.gmt", 3),
    ]
    garbled = write(tmp_path, files | {"gene_sets.gmt": b"\xff\xfe\x00"})
    assert [p.code for p in garbled.problems] == ["T007"]


def test_a_gmt_file_by_hand(tmp_path):
    path = tmp_path / "own.gmt"
    path.write_text("PROLIFERATION\tours\tX1\tX2\n", encoding="utf-8")
    block = expression_block(
        {"expression": counts("A", 0)}, settings=ExpressionSettings(gene_set_file=str(path), genes=False)
    )
    other = expression_block({"expression": counts("A", 0)}, settings=ExpressionSettings(genes=False))
    assert block.frame.columns == other.frame.columns
    assert not block.frame.equals(other.frame), "the user's set goes before ours of the same name"
    path.write_text("A\n\nB\tx\tG1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"1 lines that are no gene set \(line 1: it has no gene\)"):
        read_gmt(path)
    with pytest.raises(InputError, match="cannot be read as a GMT file"):
        read_gmt(tmp_path / "absent.gmt")


def test_impossible_settings_are_refused():
    with pytest.raises(SettingsError, match="coverage=0"):
        ExpressionSettings(coverage=0)
    with pytest.raises(SettingsError, match="min_genes=1"):
        ExpressionSettings(min_genes=1)


def test_t_cells_of_real_lung_tumours():
    """TCGA LUAD: the T-cell-inflamed score follows CD3E, which is not in the set, and not a gene of the cell cycle."""
    with gzip.open(real("tcga_porpoise", "tcga_luad.csv.gz")) as file:
        source = pl.read_csv(io.BytesIO(file.read()), infer_schema_length=2000)
    names = [c for c in source.columns if c.endswith("_rnaseq")]
    wide = source.select(
        pl.col("case_id").alias("patient_id"), *(pl.col(c).alias(c.removesuffix("_rnaseq")) for c in names)
    ).unique("patient_id")
    table = wide.unpivot(index="patient_id", variable_name="gene", value_name="level").drop_nulls()
    immune = builtin_gene_sets()[0]
    assert signature_scores(table, [immune]).is_empty(), "half of the set is not enough by default"
    scores = signature_scores(table, [immune], coverage=0.5)
    assert scores.height > 400
    both = scores.join(wide, on="patient_id")
    assert both.select(pl.corr("score", "CD3E", method="spearman")).item() > 0.7
    assert abs(both.select(pl.corr("score", "CDK1", method="spearman")).item()) < 0.4
