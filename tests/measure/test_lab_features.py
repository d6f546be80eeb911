"""What is made of several laboratory values: ratios of one draw, limits, series up to the landmark."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import SettingsError
from hybridx.measure import lab_block
from hybridx.measure.lab_ratios import RATIOS
from hybridx.measure.lab_series import doubling_months
from hybridx.measure.labs import LabSettings
from hybridx.terms.analytes import analyte
from tests.cohort.folders import place, write
from tests.measure.real_data import real

UNITS = {
    name: analyte(name).unit for name in ("ldh", "crp", "albumin", "psa", "cga", "sodium", "ast", "alt")
} | dict.fromkeys(("neutrophils", "lymphocytes", "monocytes", "platelets"), "10*9/L")


def labs(*rows, **extra):
    """(patient, day, analyte, value) in canonical units, with further columns that are the same in every row."""
    table = pl.DataFrame(rows, schema=["patient_id", "day", "analyte", "value"], orient="row")
    table = table.with_columns(
        pl.col("day", "value").cast(pl.Float64), unit=pl.col("analyte").replace_strict(UNITS)
    )
    return table.with_columns(pl.lit(v).alias(k) for k, v in extra.items())


def one(table, settings=None, patients=None):
    tables = {"labs": table} | ({} if patients is None else {"patients": patients})
    rows = lab_block(tables, settings=settings).frame.to_dicts()
    assert len(rows) == 1
    return {k.removeprefix("lab."): v for k, v in rows[0].items() if k != "patient_id"}


def draw(day=-1, patient="P1", **values):
    return [(patient, day, name, value) for name, value in values.items()]


def test_every_ratio_by_hand():
    found = one(
        labs(
            *draw(
                neutrophils=6,
                lymphocytes=1.5,
                monocytes=0.5,
                platelets=300,
                ast=40,
                alt=80,
                crp=20,
                albumin=32,
            )
        )
    )
    wanted = {"nlr": 4, "plr": 200, "lmr": 3, "sii": 1200, "de_ritis": 0.5, "crp_albumin": 0.625, "mgps": 2}
    assert {name: found[name] for name in wanted} == wanted
    assert set(wanted) == set(RATIOS)


@pytest.mark.parametrize(
    ("crp", "albumin", "score"), [(10, 30, 0), (10.1, 35, 1), (10.1, 34.9, 2), (3, 45, 0), (200, 20, 2)]
)
def test_the_glasgow_score_at_its_limits(crp, albumin, score):
    assert one(labs(*draw(crp=crp, albumin=albumin)))["mgps"] == score


def test_a_ratio_with_a_missing_part_is_a_missing_value_not_a_missing_modality():
    block = lab_block({"labs": labs(*draw(neutrophils=6, lymphocytes=2), *draw(patient="P2", neutrophils=6))})
    assert block.frame["lab.nlr"].to_list() == [3.0, None]
    assert dict(block.measured) == {"P1": True, "P2": True}


def test_parts_of_a_ratio_come_from_one_draw_within_the_tolerance():
    rows = [*draw(day=-3, neutrophils=6), *draw(day=-2, lymphocytes=2), *draw(day=-9, lymphocytes=1)]
    assert "nlr" not in one(labs(*rows))
    assert one(labs(*rows), LabSettings(same_draw_days=1))["nlr"] == 3
    assert one(labs(*rows), LabSettings(same_draw_days=20))["nlr"] == 3, "the nearest draw, not the first"


def test_the_limits_of_the_laboratory_go_before_the_general_ones():
    own = one(labs(*draw(ldh=500), ref_low=100.0, ref_high=200.0))
    assert own["ldh_uln"] == 2.5
    both = pl.concat(
        [labs(*draw(ldh=500), ref_high=200.0), labs(*draw(patient="P2", ldh=500), ref_high=None)],
        how="diagonal_relaxed",
    )
    assert lab_block({"labs": both}).frame["lab.ldh_uln"].to_list() == [2.5, 2.0]
    assert "ldh_uln" not in one(labs(*draw(ldh=500))), "one limit for all is LDH again in another unit"


def test_flags_of_the_reference_range_depend_on_sex_and_age():
    chosen = LabSettings(range_flags=("psa", "albumin"))
    table = labs(*draw(psa=4.2, albumin=33))
    old = one(table, chosen, pl.DataFrame({"patient_id": ["P1"], "sex": ["male"], "age_years": [75.0]}))
    young = one(table, chosen, pl.DataFrame({"patient_id": ["P1"], "sex": ["male"], "age_years": [45.0]}))
    assert (old["psa_high"], old["albumin_low"]) == (0, 0)
    assert (young["psa_high"], young["albumin_low"]) == (1, 1)
    assert "psa_low" not in old, "PSA has no lower limit"


def test_a_series_by_hand():
    rows = [("P1", day, "psa", value) for day, value in ((-182.625, 1), (-91.3125, 2), (0, 4))]
    found = one(labs(*rows, ref_high=3.0))
    assert found["psa_slope"] == pytest.approx(0.5)
    assert found["psa_nadir"] == 1
    assert found["psa_days_above"] == pytest.approx(91.3125 / 2)
    assert found["psa_doubling"] == pytest.approx(3.0)
    units = dict(lab_block({"labs": labs(*rows)}).features.select("column", "unit").iter_rows())
    assert units == {
        "lab.psa": "ug/L", "lab.psa_slope": "ug/L/mo", "lab.psa_nadir": "ug/L", "lab.psa_days_above": "d",
        "lab.psa_doubling": "mo",
    }  # fmt: skip


def test_two_values_or_one_week_make_no_series():
    assert set(one(labs(("P1", -200, "psa", 1), ("P1", 0, "psa", 2)))) == {"psa"}
    assert set(one(labs(*(("P1", day, "psa", 1.0 - day) for day in (-6, -3, 0))))) == {"psa"}


def test_a_series_that_ended_long_ago_is_none():
    rows = [("P1", day, "psa", 2.0) for day in (-300, -200, -100)]
    assert set(one(labs(*rows, *draw(ldh=200)))) == {"ldh"}


def test_only_markers_double_and_the_slope_is_for_all():
    rows = [("P1", day, name, 100.0 - day) for day in (-100, -50, -1) for name in ("ldh", "cga")]
    assert set(one(labs(*rows))) == {
        "ldh", "cga", "ldh_slope", "cga_slope", "cga_nadir", "cga_days_above", "cga_doubling",
    }  # fmt: skip
    assert {"ldh_nadir", "ldh_days_above"} <= set(one(labs(*rows), LabSettings(series_analytes=("ldh",))))
    assert set(one(labs(*rows), LabSettings(series=()))) == {"ldh", "cga"}


def test_the_rules_of_the_doubling_time():
    days = np.array([-270.0, -180, -90, 0])
    assert doubling_months(days, [8, 4, 2, 1]) == 120, "a falling marker does not double within ten years"
    assert doubling_months(days, [1, 1, 1, 1]) == 120
    assert doubling_months(days[-2:], [1, 2]) is None, "two values"
    assert doubling_months([-80, -40, 0], [1, 2, 4]) is None, "less than 90 days"
    # before the last undetectable value nothing counts
    rows = [("P1", d, "psa", v) for d, v in ((-300, 5.0), (-240, 0.05), (-182.625, 1), (-91.3125, 2), (0, 4))]
    assert one(labs(*rows))["psa_doubling"] == pytest.approx(3.0)
    assert "psa_doubling" not in one(labs(*rows[:-1], ("P1", -0.5, "psa", 0.05)))


@given(
    doubling=st.floats(0.5, 100),
    first=st.floats(0.2, 50),
    gaps=st.lists(st.floats(31, 80), min_size=3, max_size=4),
)
def test_an_exponential_rise_gives_its_doubling_time(doubling, first, gaps):
    days = -np.cumsum([0.0, *gaps])[::-1]
    values = first * 2 ** ((days - days[0]) / 30.4375 / doubling)
    assert doubling_months(days, values) == pytest.approx(doubling, rel=1e-6)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(("P1", "Müller-2")),
        st.integers(-400, 60),
        st.sampled_from(("psa", "neutrophils", "lymphocytes", "crp", "albumin")),
        st.floats(1.0, 60.0),
    ),
    min_size=1,
    max_size=40,
)
WIDE = LabSettings(window_days=60, same_draw_days=3, range_flags=("crp",))


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, data=st.data())
def test_neither_the_order_of_rows_nor_a_later_value_changes_anything(rows, data):
    before = [row for row in rows if row[1] <= 0]
    if not before:
        return
    block = lab_block({"labs": labs(*before)}, settings=WIDE)
    shuffled = lab_block({"labs": labs(*data.draw(st.permutations(before)))}, settings=WIDE)
    later = lab_block({"labs": labs(*data.draw(st.permutations(rows)))}, settings=WIDE)
    assert shuffled.frame.equals(block.frame)
    assert later.frame.equals(block.frame)
    assert later.days == block.days
    assert block.features["column"].to_list() == block.frame.columns[1:]
    assert all(day <= 0 for day in block.days.values())


def test_values_of_one_day_are_averaged_in_a_series_too():
    rows = [
        ("P1", -182.625, "psa", 1),
        ("P1", -91.3125, "psa", 1.5),
        ("P1", -91.3125, "psa", 2.5),
        ("P1", 0, "psa", 4),
    ]
    assert one(labs(*rows))["psa_doubling"] == pytest.approx(3.0)


def test_a_value_below_the_limit_of_detection_is_told_and_marked(tmp_path):
    text = (
        "patient_id,day,analyte,value,unit\nP001,-1,PSA,<0.1,ng/mL\nP001,-40,PSA,≤ 0.2,ng/mL\n"
        "P002,0,PSA,4,ug/L\nP003,-2,crp,>300,mg/L\n"
    )
    data = write(tmp_path, labs=text)
    told = [p for p in data.problems if p.code == "T047"]
    assert [place(p) for p in told] == [
        ("T047", "labs.csv", 2, "value", "<0.1"),
        ("T047", "labs.csv", 5, "value", ">300"),
    ]
    assert "square root of 2. And in 1 more row of this analyte." in told[0].hint
    assert [p for p in data.problems if p.severity == "error"] == []
    table = data.tables["labs"]
    assert table["value"].to_list() == pytest.approx([0.1 / math.sqrt(2), 0.2 / math.sqrt(2), 4, 300])
    assert table["censored"].to_list() == ["below", "below", None, "above"]
    block = lab_block(data.tables, data.schemas, LabSettings(below_flags=True))
    assert block.frame["lab.psa_below"].to_list() == [1, 0, None]
    assert "lab.psa_below" not in lab_block(data.tables, data.schemas).frame.columns


def test_the_sign_may_stand_in_a_column_of_its_own(tmp_path):
    header = "patient_id,day,analyte,value,unit,censored\n"
    data = write(tmp_path, labs=header + "P001,-1,psa,0.1,ug/L,below\nP002,-1,psa,9,ug/L,\n")
    assert data.tables["labs"]["value"].to_list() == pytest.approx([0.1 / math.sqrt(2), 9])
    wrong = write(tmp_path, labs=header + "P001,-1,psa,0.1,ug/L,<\n")
    assert ("T027", "labs.csv", 2, "censored", "<") in [place(p) for p in wrong.problems]


def test_a_decimal_comma_below_the_limit_is_read_where_commas_are(tmp_path):
    data = write(tmp_path, labs="patient_id;day;analyte;value;unit\nP001;-1;psa;<0,1;ug/L\n")
    assert data.tables["labs"]["value"].to_list() == pytest.approx([0.1 / math.sqrt(2)])
    other = write(tmp_path, labs='patient_id,day,analyte,value,unit\nP001,-1,psa,"<0,1",ug/L\n')
    assert "T022" in [p.code for p in other.problems]


def test_impossible_settings_are_refused():
    with pytest.raises(SettingsError, match=r"'slop'.*'slope'"):
        LabSettings(series=("slop",))
    with pytest.raises(SettingsError, match=r"'albumine'.*'albumin'"):
        LabSettings(range_flags=("albumine",))
    with pytest.raises(SettingsError, match=r"per_upper_limit='ldh' is one word"):
        LabSettings(per_upper_limit="ldh")
    with pytest.raises(SettingsError, match="one value has no course"):
        LabSettings(series_values=1)
    with pytest.raises(SettingsError, match="landmark_day=nan"):
        LabSettings(landmark_day=math.nan)


def test_serial_bilirubin_of_the_mayo_clinic_rises_before_death():
    """pbcseq: at one year, the slope up to then separates who dies within the next two years."""
    source = pl.read_csv(real("longitudinal_generic", "survival__pbcseq.csv"), null_values=["", "NA"])
    patient = pl.col("id").cast(pl.String).alias("patient_id")
    table = pl.concat(
        [
            source.select(patient, "day", pl.lit(name).alias("analyte"), pl.col(column).cast(pl.Float64).alias("value"),
                          pl.lit(unit).alias("unit"))
            for name, column, unit in (("bilirubin", "bili", "mg/dL"), ("albumin", "albumin", "g/dL"),
                                       ("platelets", "platelet", "10*9/L"), ("ast", "ast", "U/L"))
        ]
    ).drop_nulls().with_columns(pl.col("day").cast(pl.Float64))  # fmt: skip
    block = lab_block(
        {"labs": table}, settings=LabSettings(landmark_day=400, window_days=120, series_days=400)
    )
    frame = block.frame.select("patient_id", "lab.bilirubin_slope").drop_nulls()
    fate = source.group_by(patient).agg(
        pl.col("futime").first(), (pl.col("status").first() == 2).alias("dead")
    )
    both = frame.join(fate, on="patient_id").filter(pl.col("futime") > 400)
    soon = both.filter((pl.col("futime") < 1130) & pl.col("dead"))["lab.bilirubin_slope"]
    rest = both.filter(pl.col("futime") >= 1130)["lab.bilirubin_slope"]
    assert min(len(soon), len(rest)) >= 20
    assert soon.median() > rest.median()
    without = lab_block(
        {"labs": table.filter(pl.col("day") <= 400)},
        settings=LabSettings(landmark_day=400, window_days=120, series_days=400),
    )
    assert without.frame.equals(block.frame)
