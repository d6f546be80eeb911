"""Hotspots, pathways, burden and allele fractions; what a variant table cannot tell stays unknown."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hybridx as hx
from hybridx.errors import InputError, SettingsError
from hybridx.measure import genomics_block
from hybridx.measure.settings import ExtractSettings
from hybridx.measure.table_settings import GenomicsSettings
from hybridx.terms.gene_tables import ROLES, read_hotspots, read_pathways
from hybridx.terms.genes import canonical_gene
from tests.measure.real_data import real

SCHEMA = {
    "patient_id": pl.String, "gene": pl.String, "classification": pl.String, "hgvsp": pl.String, "vaf": pl.Float64,
    "panel_mb": pl.Float64, "day": pl.Float64,
}  # fmt: skip


def variants(*rows):
    """(gene, classification, hgvsp) of one patient."""
    full = [("P1", gene, kind, change, None, None, 0.0) for gene, kind, change in rows]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def values(table, **chosen):
    block = genomics_block({"variants": table}, settings=GenomicsSettings(**chosen))
    assert block.features["column"].to_list() == block.frame.columns[1:]
    return {k.removeprefix("genomics."): v for k, v in block.frame.to_dicts()[0].items()}


@pytest.mark.parametrize(
    ("gene", "kind", "change", "flags"),
    [
        ("KRAS", "missense", "p.G12C", {"kras_g12", "kras_g12c"}),
        ("KRAS", "missense", "p.Gly12Asp", {"kras_g12"}),
        ("KRAS", "missense", "p.A146T", set()),
        ("BRAF", "missense", "p.V600E", {"braf_v600"}),
        ("EGFR", "missense", "p.L858R", {"egfr_l858r"}),
        ("EGFR", "missense", "p.L858M", set()),
        ("EGFR", "inframe", "p.E746_A750del", {"egfr_ex19del"}),
        ("EGFR", "inframe", "p.L747_P753delinsS", {"egfr_ex19del"}),
        ("EGFR", "inframe", "p.A767_V769dup", {"egfr_ex20ins"}),
        ("EGFR", "inframe", "p.D770_N771insSVD", {"egfr_ex20ins"}),
        ("EGFR", "frameshift", "p.E746fs", set()),
        ("PIK3CA", "missense", "p.Q546K", {"pik3ca_helical"}),
        ("IDH1", "missense", "p.R132H", {"idh1_r132"}),
        ("TP53", "missense", "p.R248Q", {"tp53_hotspot"}),
        ("TP53", "nonsense", "p.R213*", set()),
        ("TERT", "promoter", None, {"tert_promoter"}),
        ("TERT", "missense", "p.A1V", set()),
        ("CTNNB1", "inframe", "p.A5_A80del", {"ctnnb1_exon3"}),
        ("KRAS", "synonymous", "p.G12=", set()),
        ("KRAS", "amplification", None, set()),
    ],
)
def test_hotspots(gene, kind, change, flags):
    found = values(variants((gene, kind, change)))
    names = {h.flag for h in read_hotspots()}
    assert {name for name in names if found[name] == 1} == flags
    assert all(found[name] == 0 for name in names - flags)


def test_a_hotspot_is_unknown_where_the_change_is():
    found = values(
        variants(("KRAS", "missense", None), ("BRAF", "missense", "p.V600E"), ("BRAF", "missense", None))
    )
    assert found["kras_g12"] is None and found["kras_mut"] == 1
    assert found["braf_v600"] == 1, "what is found is found, whatever else is there"
    assert found["idh1_r132"] == 0


def test_a_pathway_counts_what_its_genes_can_do():
    assert values(variants(("PTEN", "deletion", None)))["path_pi3k"] == 1
    assert values(variants(("PIK3CA", "nonsense", "p.Q1*")))["path_pi3k"] == 0, (
        "a truncated oncogene drives nothing"
    )
    assert values(variants(("PTEN", "nonsense", "p.Q1*")))["path_pi3k"] == 1
    assert values(variants(("PTEN", "amplification", None)))["path_pi3k"] == 0
    assert values(variants(("ALK", "fusion", None)))["path_rtk_ras"] == 1
    assert values(variants(("TP53", "synonymous", "p.A1=")))["path_p53"] == 0


def test_the_tables_of_genes_are_whole():
    pathways = read_pathways()
    assert len(pathways) == 10
    assert all(
        gene == canonical_gene(gene) and role in ROLES for p in pathways for gene, role in p.genes.items()
    )
    for spot in read_hotspots():
        assert spot.first <= spot.last and (spot.first > 0) == (spot.change != "promoter")


def test_tables_of_ones_own(tmp_path):
    pathways, hotspots = tmp_path / "pathways.csv", tmp_path / "hotspots.csv"
    pathways.write_text("pathway,gene,role\nHöhle,her2,any\n", encoding="utf-8")
    hotspots.write_text("flag,gene,first,last,change\nakt1_e17,AKT1,17,17,missense\n", encoding="utf-8")
    found = values(
        variants(("ERBB2", "amplification", None), ("AKT1", "missense", "p.E17K")),
        pathway_file=str(pathways),
        hotspot_file=str(hotspots),
    )
    assert found["path_h_hle"] == 1 and found["akt1_e17"] == 1 and "kras_g12" not in found
    off = values(variants(("ERBB2", "amplification", None)), hotspots=False, pathways=False)
    assert not any(name.startswith("path_") or name == "kras_g12" for name in off)
    pathways.write_text("pathway,gene,role\nA,B,driver\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"pathways.csv line 2, role: 'driver' is not one of oncogene"):
        read_pathways(str(pathways))
    hotspots.write_text("flag,gene,first,change\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no column 'last'"):
        read_hotspots(str(hotspots))
    hotspots.write_text("flag,gene,first,last,change\na,B,x,2,missense\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2: first and last are codons"):
        read_hotspots(str(hotspots))
    with pytest.raises(InputError, match="cannot be read as a table of genes"):
        read_hotspots(str(tmp_path / "absent.csv"))
    with pytest.raises(SettingsError, match="landmark_day=inf"):
        GenomicsSettings(landmark_day=np.inf)


def test_burden_counts_coding_changes_and_needs_a_size_for_tmb():
    kinds = ("missense", "nonsense", "frameshift", "inframe", "splice", "other", "synonymous", "promoter",
             "amplification", "deletion", "fusion")  # fmt: skip
    table = variants(*((f"G{i}", kind, None) for i, kind in enumerate(kinds)))
    found = values(table)
    assert found["burden"] == 6 and "tmb" not in found and "vaf_max" not in found
    assert values(table.with_columns(panel_mb=pl.lit(1.5)))["tmb"] == 4


def test_the_highest_fraction_of_small_variants():
    table = variants(("TP53", "missense", None), ("APC", "synonymous", None), ("MYC", "amplification", None))
    assert values(table.with_columns(vaf=pl.Series([0.2, 0.4, 0.9])))["vaf_max"] == 0.4
    two = pl.concat([table, variants(("-", "none_found", None)).with_columns(patient_id=pl.lit("P2"))])
    block = genomics_block({"variants": two.with_columns(vaf=pl.Series([None, 0.4, None, None]))})
    assert block.frame["genomics.vaf_max"].to_list() == [0.4, 0]


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_neither_the_order_of_rows_nor_a_later_sample_changes_anything(data):
    row = st.tuples(
        st.sampled_from(("P1", "Jürgen-2")),
        st.sampled_from(("KRAS", "TP53", "EGFR", "XYZ")),
        st.sampled_from(("missense", "inframe", "nonsense", "deletion")),
        st.sampled_from(("p.G12D", "p.R175H", "p.E746_A750del", None)),
        st.floats(0, 1),
        st.just(1.2),
        st.sampled_from((-3.0, 0.0, 9.0)),
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=20))
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    block = genomics_block({"variants": table.filter(pl.col("day") <= 0)})
    shuffled = pl.DataFrame(data.draw(st.permutations(rows)), schema=SCHEMA, orient="row")
    assert genomics_block({"variants": shuffled}).frame.equals(block.frame)


def test_a_maf_reaches_the_cohort(tmp_path):
    (tmp_path / "patients.csv").write_text("patient_id,age_years\nP1,60\nP2,70\n", encoding="utf-8")
    (tmp_path / "sequencing.csv").write_text("patient_id,panel_mb\nP1,2\nP2,2\n", encoding="utf-8")
    (tmp_path / "variants.maf").write_text(
        "Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\tHGVSp_Short\n"
        "KRAS\tMissense_Mutation\tP1\tp.G12C\nTP53\tFrame_Shift_Del\tP1\tp.R175fs\n",
        encoding="utf-8",
    )
    settings = ExtractSettings(deep=False)
    cohort = hx.extract(tmp_path, tmp_path / "out", progress=False, settings=settings, workers=1)
    block = cohort.blocks["genomics"].sort("patient_id")
    names = ["genomics.kras_g12c", "genomics.tmb", "genomics.path_rtk_ras"]
    assert block.select(names).rows() == [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]


def test_plasma_of_poplar_agrees_with_the_trials_own_figures():
    """POPLAR: the burden ranks patients as the trial's bTMB does; the trial's MSAF leaves germline variants out."""
    listed = pl.read_csv(real("oak_poplar", "poplar_variants.csv"), null_values=["", "NA"])
    kinds = {"missense": "missense", "nonsense": "nonsense", "splice": "splice", "synonymous": "synonymous"}
    table = listed.select(
        pl.concat_str(pl.lit("POPLAR_"), pl.col("PtID").cast(pl.String)).alias("patient_id"),
        pl.col("gene_name").alias("gene"),
        pl.col("effect").replace_strict(kinds, default="other").alias("classification"),
        pl.col("protein_syntax").alias("hgvsp"),
        pl.col("af").cast(pl.Float64).alias("vaf"),
        pl.lit(1.1).alias("panel_mb"),
        pl.lit(0.0).alias("day"),
    ).drop_nulls("gene")
    block = genomics_block({"variants": table})
    trial = pl.read_csv(real("oak_poplar", "poplar_clinical.csv"), null_values=["", "NA"]).select(
        pl.col("patient").alias("patient_id"), "msaf", "btmb"
    )
    both = block.frame.join(trial, on="patient_id").drop_nulls("msaf")
    assert both.height > 150
    above = both["genomics.vaf_max"] - both["msaf"]
    assert above.min() > -1e-3, "a highest fraction below the highest somatic one"
    assert (above.abs() < 1e-3).mean() > 0.4
    rank = both.drop_nulls("btmb").select(pl.corr("genomics.burden", "btmb", method="spearman")).item()
    assert rank > 0.9
    assert 0 < both["genomics.kras_g12"].mean() < 0.4
