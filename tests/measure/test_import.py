"""Tables of pyradiomics, MIRP, LIFEx and READII come in with the right names, units and ids, or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from hybridx.cli.app import app
from hybridx.cohort import Block, Cohort
from hybridx.errors import InputError, SettingsError
from hybridx.measure import import_features
from hybridx.measure.import_names import FORMATS, Foreign, clean_name, guess_format

TABLES = Path(__file__).parent / "imports"


def row(found, patient: str) -> dict:
    return found.block.frame.row(by_predicate=pl.col("patient_id") == patient, named=True)


def info(found, column: str) -> dict:
    return found.block.features.row(by_predicate=pl.col("column") == column, named=True)


@pytest.mark.parametrize(
    ("file", "program", "patients"),
    [
        ("pyradiomics_cli.csv", "pyradiomics", ["P0", "P1", "P2"]),
        ("mirp.csv", "mirp", ["P0", "P1", "P2"]),
        ("mirp_filters.csv", "mirp", ["P0", "P1", "P2"]),
        ("lifex.csv", "lifex", ["L1", "L2"]),
        ("readii.csv", "readii", ["R1", "R2"]),
    ],
)
def test_the_program_is_told_from_the_header_and_a_cohort_takes_the_block(file, program, patients, tmp_path):
    found = import_features(TABLES / file, "pet")
    assert found.format == program
    assert found.block.frame["patient_id"].to_list() == patients
    cohort = found.to_cohort()
    again = Cohort.load(cohort.save(tmp_path / "cohort"))
    assert again.blocks["pet"].equals(cohort.blocks["pet"])
    assert again.measured["pet"].all()
    assert again.frame().width == found.block.frame.width + 1
    assert import_features(TABLES / file, "pet", format=program).block.frame.equals(found.block.frame)


def test_pyradiomics_names_stay_and_the_diagnostics_go():
    found = import_features(TABLES / "pyradiomics_cli.csv", "ct")
    assert found.unmapped == []
    assert not any("diagnostics" in c or c in ("ct.Image", "ct.Mask") for c in found.block.frame.columns)
    assert info(found, "ct.original_glcm_Contrast")["ibsi_id"] == "ACUI"
    assert info(found, "ct.original_firstorder_Kurtosis")["ibsi_id"] is None  # IBSI's is less by 3
    assert info(found, "ct.log-sigma-3-0-mm-3D_firstorder_Mean")["ibsi_id"] is None
    mean = info(found, "ct.original_firstorder_Mean")
    assert (mean["unit"], mean["extractor"], mean["version"]) == ("[hnsf'U]", "pyradiomics", "v3.0.1")
    assert re.fullmatch("[0-9a-f]{16}", mean["settings_hash"])
    source = pl.read_csv(TABLES / "pyradiomics_cli.csv")
    assert found.block.frame["ct.original_glcm_MCC"].to_list() == source["original_glcm_MCC"].to_list()


@pytest.mark.parametrize("file", ["pyradiomics_series.csv", "pyradiomics_frame.csv"])
def test_what_pandas_makes_of_an_extractor_s_dictionary(file):
    found = import_features(TABLES / file, "pet", patient_id="A7")
    whole = import_features(TABLES / "pyradiomics_cli.csv", "pet")
    assert found.block.frame["patient_id"].to_list() == ["A7"]
    assert found.block.frame.drop("patient_id").equals(whole.block.frame[:1].drop("patient_id"))
    with pytest.raises(InputError, match="patient_id="):
        import_features(TABLES / file, "pet")


def test_mirp_s_long_names_become_tags_of_the_standard():
    found = import_features(TABLES / "mirp.csv", "pet")
    for column, code in {
        "pet.cm_contrast_3D_comb": "ACUI",
        "pet.rlm_sre_3D_comb": "22OV",
        "pet.szm_zs_entr_3D": "GU8N",
        "pet.ngl_lde_3D": "SODN",
        "pet.ih_entropy": "TLU2",
        "pet.morph_volume": "RNU0",
        "pet.cm_diff_var_3D_comb": "D3YU",
    }.items():
        assert info(found, column)["ibsi_id"] == code
    assert all(
        source.startswith("ivh_") for source in found.unmapped
    )  # fractions that the standard does not fix
    assert info(found, "pet.stat_mean")["unit"] == "g/mL{SUVbw}"
    source = pl.read_csv(TABLES / "mirp.csv")
    values = source["cm_contrast_d1_3d_v_mrg_fbs_w0.5"].to_list()
    assert found.block.frame["pet.cm_contrast_3D_comb"].to_list() == pytest.approx(values, abs=0)


def test_filters_carry_no_id():
    found = import_features(TABLES / "mirp_filters.csv", "pet")
    names = found.block.frame.columns
    assert len(set(names)) == len(names)
    assert info(found, "pet.log-s-2-0_stat_mean")["ibsi_id"] is None
    assert info(found, "pet.stat_mean")["ibsi_id"] == "Q4LE"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("cm_contrast_d1_2d_avg_fbs_w25.0", "cm_contrast_2D_avg"),
        ("cm_contrast_d1_2d_s_mrg_fbs_w25.0", "cm_contrast_2D_comb"),
        ("cm_contrast_d1_2.5d_d_mrg_fbs_w25.0", "cm_contrast_2_5D_avg"),
        ("cm_contrast_d1.0_2.5d_v_mrg_fbn_n32", "cm_contrast_2_5D_comb"),
        ("cm_contrast_d1_3d_avg_fbs_w25.0", "cm_contrast_3D_avg"),
        ("ngl_dc_entr_d1_a0.0_2.5d_fbn_n16", "ngl_dc_entr_2_5D"),
        ("wavelet_coif1_hhl_level_1_stat_mean", "wavelet-coif1-hhl-level-1_stat_mean"),
    ],
)
def test_parts_of_a_mirp_name(source, name):
    found = FORMATS["mirp"].name(Foreign(source, "ct"))
    assert (found.name, found.mapped) == (name, True)


@pytest.mark.parametrize(
    "source", ["cm_contrast_d2_3d_avg_fbs_w25.0", "ngl_lde_d1_a1.0_3d_fbs_w1", "overall_stat_mean"]
)
def test_other_parameters_are_not_the_standard_s(source):
    assert not FORMATS["mirp"].name(Foreign(source, "ct")).mapped


def test_two_discretisations_keep_their_names(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("sample_name,ih_mean_fbs_w0.5,ih_mean_fbn_n32,stat_mean\nA,1,2,3\n")
    found = import_features(path, "pet")
    assert found.block.frame.columns[1:] == ["pet.ih_mean_fbs_w0_5", "pet.ih_mean_fbn_n32", "pet.stat_mean"]
    assert info(found, "pet.ih_mean_fbn_n32")["ibsi_id"] == "X6K6"


def test_lifex_units_ids_and_decimal_commas():
    found = import_features(TABLES / "lifex.csv", "pet")
    first = row(found, "L1")
    assert first["pet.morph_volume"] == 12500.0  # from mL
    assert first["pet.morph_diam"] == pytest.approx(41.2)
    assert first["pet.cm_contrast"] == pytest.approx(8.25)
    assert info(found, "pet.morph_volume")["unit"] == "mm3"
    assert info(found, "pet.loc_peak_glob")["ibsi_id"] == "0F91"
    assert "INTENSITY-BASED_StandardDeviation(IBSI:No)[SUV]" in found.unmapped
    assert first["pet.INTENSITY-BASED_StandardDeviation_SUV"] == pytest.approx(2.2)
    assert row(found, "L2")["pet.INTENSITY-BASED-RIM_RIM-IntensityMean_Intensity"] is None
    left = found.columns.filter(pl.col("column").is_null())["source"].to_list()
    assert left == ["MORPHOLOGICAL_MaxIntensityCoor(IBSI:No)[vx]"]
    twice = found.columns.row(by_predicate=pl.col("source").str.contains("50th"), named=True)
    assert "stat_median stands in an earlier column" in twice["note"]
    assert not any("Doe" in str(value) for value in found.block.frame["patient_id"])


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("INTENSITY-BASED_MeanIntensity(IBSI:Q4LE)[Bq/mL]", "not converted"),
        ("GLCM_Contrast(IBSI:RNU0)", "is not one of GLCM"),
        ("MORPHOLOGICAL_Volume(IBSI:RNU0)", "not converted"),
        ("GLCM_JointEntropyLog10(IBSI:No)", "no id"),
    ],
)
def test_what_is_not_certain_in_lifex_is_not_mapped(source, note):
    found = FORMATS["lifex"].name(Foreign(source, "pet"))
    assert not found.mapped
    assert note in found.note


def test_older_lifex_intensities():
    found = FORMATS["lifex"].name(Foreign("INTENSITY-BASED_Mean(HU)IBSI:Q4LE", "ct"))
    assert (found.name, found.mapped) == ("stat_mean", True)


def test_readii_s_negative_controls_stay_out_and_complex_values_are_read():
    found = import_features(TABLES / "readii.csv", "ct")
    assert found.block.frame.height == 2
    assert row(found, "R1")["ct.original_glcm_MCC"] == pytest.approx(0.9372)
    assert row(found, "R1")["ct.original_glcm_Contrast"] == 31.5
    assert row(found, "R2")["ct.wavelet-LLH_firstorder_Mean"] is None
    assert found.notes == (
        "2 rows of negative controls (shuffled images) were left out",
        "1 infinite values became missing",
    )
    assert not any("roi" in column or "instances" in column for column in found.block.frame.columns)


def test_columns_of_the_user_s_own(tmp_path):
    path = tmp_path / "own.csv"
    header = "PatientID,original_firstorder_Mean,tumour size,time_to_death,=cmd|' /C calc'!A0,note"
    path.write_text(f"{header}\nA,1.5,3,400,7,x\nB,2.5,4,300,8,y\n")
    found = import_features(path, "pet")
    assert found.unmapped == ["tumour size", "=cmd|' /C calc'!A0"]
    assert found.block.frame.columns == [
        "patient_id",
        "pet.original_firstorder_Mean",
        "pet.tumour_size",
        "pet.cmd_C_calc_A0",
    ]
    left = found.columns.filter(pl.col("column").is_null())
    assert left["source"].to_list() == ["time_to_death", "note"]
    assert "sounds like an outcome" in left["note"][0]
    assert not any("=" in line or "|" in line for line in found.lines())


def test_different_settings_are_said(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_text(
        "ID,diagnostics_Configuration_Settings,original_firstorder_Mean\nA,{'binWidth': 25},1\nB,{'binWidth': 5},2\n"
    )
    assert "2 different settings" in import_features(path, "ct").notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no column that pyradiomics, MIRP, LIFEx or READII would write"),
        ("original_firstorder_Mean\n1\n2\n", "No column names the patient"),
        ("ID,original_firstorder_Mean\nA,1\nA,2\n", "1 patients have several rows: 'A'. Keep one row"),
        ("ID,ROI,original_firstorder_Mean\nA,GTV,1\nA,node,2\n", "Choose a region of the column 'ROI': 'GTV', 'node'"),
        ("ID,original_firstorder_Mean\nA,high\nB,1\n", "1 cells that are no numbers: original_firstorder_Mean, row 1"),
        ("ID,original_firstorder_Mean\nA,\"1,234\"\n", "row 1: '1,234'"),
        ("ID,original_firstorder_Mean\n,1\n", "1 rows have no patient"),
        ("ID,original_firstorder_Mean\nA,1,2\n", "rows 2 have not the 2 cells"),
        ("ID,original_firstorder_Mean,original_firstorder_Mean\nA,1,2\n", "more than once in its header"),
        ("ID,original_firstorder_Mean\n", "holds no rows"),
        ("", "holds no text"),
        ("original_firstorder_Mean,P1\noriginal_firstorder_Mean,2\n", "No column names the patient"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used(text, message, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        import_features(path, "pet")


def test_a_region_is_chosen(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("ID,ROI,original_firstorder_Mean\nA,GTV,1\nA,node,2\nB,GTV,3\n")
    found = import_features(path, "pet", region="GTV")
    assert found.block.frame["pet.original_firstorder_Mean"].to_list() == [1.0, 3.0]
    with pytest.raises(InputError, match="No row has the region 'gtv'; there is 'GTV', 'node'"):
        import_features(path, "pet", region="gtv")
    assert found.notes == ()
    assert import_features(path, "pet", region="node").notes == ("1 patients have no region 'node': B",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_tabs(encoding, tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes("ID\toriginal_firstorder_Mean\nMüller\t1,5\n".encode(encoding))
    found = import_features(path, "pet")
    assert found.block.frame.rows() == [("Müller", 1.5)]


def test_parquet_lying_on_its_side(tmp_path):
    table = pl.DataFrame(
        {
            "feature": ["original_glcm_Contrast", "original_firstorder_Mean"],
            "P1": [1.0, 2.0],
            "P2": [3.0, 4.0],
        }
    )
    table.write_parquet(tmp_path / "t.parquet")
    found = import_features(tmp_path / "t.parquet", "pet")
    assert found.block.frame.rows() == [("P1", 1.0, 2.0), ("P2", 3.0, 4.0)]
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="no Parquet file"):
        import_features(tmp_path / "broken.parquet", "pet")


def test_arguments_are_checked(tmp_path):
    with pytest.raises(SettingsError, match="Did you mean 'pyradiomics'"):
        import_features(TABLES / "mirp.csv", "pet", format="pyradiomic")
    with pytest.raises(InputError, match="not a name of lower-case letters"):
        import_features(TABLES / "mirp.csv", "../pet")
    with pytest.raises(InputError, match="No such file"):
        import_features(tmp_path / "nothing.csv", "pet")
    with pytest.raises(InputError, match="not a CSV, JSON or Parquet file"):
        import_features(tmp_path / "t.xlsx", "pet")
    with pytest.raises(InputError, match="Did you mean 'sample_name'"):
        import_features(TABLES / "mirp.csv", "pet", patient="sample_nam")


def test_what_the_command_pyradiomics_writes_unless_asked_for_csv(tmp_path):
    rows = pl.read_csv(TABLES / "pyradiomics_cli.csv", infer_schema=False)
    wanted = import_features(TABLES / "pyradiomics_cli.csv", "pet").block.frame
    text = [
        f"Case-{i}_{name}: {cell}"
        for i, row in enumerate(rows.iter_rows(named=True), 1)
        for name, cell in row.items()
    ]
    (tmp_path / "cases.txt").write_text("\n".join(text), encoding="utf-8")
    (tmp_path / "cases.json").write_text(json.dumps(rows.to_dicts()), encoding="utf-8")
    for name in ("cases.txt", "cases.json"):
        assert import_features(tmp_path / name, "pet").block.frame.equals(wanted)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.json", "{", "is not JSON"),
        ("x.json", "[1]", "not a list of patients"),
        ("x.json", "[]", "holds no rows"),
        ("x.txt", "Case-1_original_glcm_Contrast: 3\nand so on", "line 2: 'and so on'"),
        ("x.csv", "original_glcm_Contrast,Label\n3,1", "No column names the patient. Add one"),
    ],
)
def test_text_and_json_that_hold_no_features(name, text, message, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        import_features(tmp_path / name, "pet")


def test_slicer_names_a_feature_in_three_columns_and_excel_its_separator_in_a_line(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text(
        "Image type\tFeature Class\tFeature Name\tP1\noriginal\tglcm\tContrast\t3.5\n", encoding="utf-8"
    )
    assert import_features(path, "ct").block.frame.rows() == [("P1", 3.5)]
    path.write_text("sep=;\r\nPatientID;original_glcm_Contrast\r\nMüller;3,5\r\n", encoding="utf-8-sig")
    assert import_features(path, "ct").block.frame.rows() == [("Müller", 3.5)]


def test_a_lifex_before_it_wrote_ids_keeps_its_names(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text(
        "Patient ID;ROI;CONVENTIONAL_SUVbwmax;SHAPE_Volume(mL);GLZLM_SZE;PARAMS_Steps\nL1;GTV;8,9;12,1;0,7;64\n",
        encoding="cp1252",
    )
    found = import_features(path, "pet")
    assert found.block.frame.rows() == [("L1", 8.9, 12.1, 0.7)]
    assert not found.columns["mapped"].any()
    assert "3 columns are of a LIFEx before 7" in found.lines()[-1]


def test_into_a_cohort():
    sheet = pl.DataFrame({"patient_id": ["P0", "P1", "P9"], "SUV_max": [9.4, 3.0, 1.0]})
    cohort = Cohort.build(["P0", "P1", "P9"], [Block.from_table("pet", sheet)])
    found = import_features(TABLES / "mirp.csv", "pet_mirp", day=-3)
    joined, strangers = found.into(cohort)
    assert strangers == ["P2"]
    assert joined.modalities == ("pet", "pet_mirp")
    assert joined.measured["pet_mirp"].to_list() == [True, True, False]
    assert joined.days["pet_mirp"].to_list() == [-3.0, -3.0, None]
    assert joined.tables["import_pet_mirp"]["mapped"].sum() == 169
    assert info(found, "pet_mirp.stat_mean")["unit"] == "g/mL{SUVbw}"
    with pytest.raises(InputError, match="such as pet_mirp"):
        import_features(TABLES / "mirp.csv", "pet").into(cohort)
    with pytest.raises(InputError, match="None of the 2 patients"):
        import_features(TABLES / "lifex.csv", "pet_lifex").into(cohort)


def test_the_command(tmp_path):
    run = CliRunner()
    out = tmp_path / "cohort"
    done = run.invoke(app, ["import-features", str(TABLES / "lifex.csv"), "-m", "pet", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "LIFEx: 15 features of 2 patients" in done.output
    assert Cohort.load(out).patients == ("L1", "L2")
    bad = run.invoke(
        app,
        ["import-features", str(TABLES / "lifex.csv"), "-m", "pet", "-o", str(tmp_path / "x"), "-f", "mirp"],
    )
    assert bad.exit_code == 2
    assert not (tmp_path / "x").exists()
    more = run.invoke(
        app,
        [
            "import-features",
            str(TABLES / "lifex.csv"),
            "-m",
            "pet_two",
            "--cohort",
            str(out),
            "-o",
            str(tmp_path / "both"),
        ],
    )
    assert more.exit_code == 0, more.output
    assert Cohort.load(tmp_path / "both").modalities == ("pet", "pet_two")


def test_names_are_harmless():
    assert clean_name("../../etc/passwd") == "etc_passwd"
    assert clean_name("<script>alert(1)</script>") == "script_alert_1_script"
    assert clean_name("***") == "unnamed"
    assert len(clean_name("x" * 1000)) == 100
    assert guess_format(["age", "stage"]) is None
