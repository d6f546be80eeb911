"""Uptake factors: every vendor's way of writing them, and every refusal."""

import dataclasses
import datetime as dt
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridx.errors import InputError, SettingsError
from hybridx.imaging.body import body_surface_m2, lean_mass_kg
from hybridx.imaging.pet_header import PetHeader, PetSlice
from hybridx.imaging.radionuclide import half_life, radionuclide_of
from hybridx.imaging.suv import suv_factors
from tests.measure.real_data import real

# a scanner's clock: DICOM times carry no zone
TEN = dt.datetime.fromisoformat("2024-05-06T10:00")
NINE = TEN - dt.timedelta(hours=1)
F18 = 6586.2
# 70 kg, 350 MBq an hour before the scan: grams / (dose left)
HOUR = 70_000 / (350e6 * 0.5 ** (3600 / F18))


def header(**changed):
    """Return the header of an unremarkable F-18 series with two slices."""
    plain = PetHeader(
        "BQML",
        (PetSlice(TEN, 0.0, 120_000.0), PetSlice(TEN, 0.0, 120_000.0)),
        "START",
        ("DECY", "ATTN", "SCAT"),
        weight_kg=70.0,
        height_m=1.75,
        sex="M",
        dose_bq=350e6,
        half_life_s=F18,
        injected=NINE,
        series=TEN,
    )
    return dataclasses.replace(plain, **changed)


def refused(**changed):
    """Return the text with which a header is refused."""
    with pytest.raises(InputError) as caught:
        suv_factors(header(**changed))
    return str(caught.value)


@pytest.mark.parametrize("name", ["GE_MEDICAL_AND_BQML", "PHILIPS_BQML", "PHILIPS_CNTS_AND_SUV", "SIEMENS"])
def test_real_headers_give_their_published_factor(name):
    folder = real("suv_vendor_headers")
    rows = json.loads((folder / f"{name}-instances.json").read_text())
    expected = json.loads((folder / "expected_suvbw_factor.json").read_text())[name]
    assert suv_factors(PetHeader.from_mapping(rows)).values[0] == pytest.approx(expected, rel=1e-9)


def test_activity_at_the_start_of_the_scan():
    found = suv_factors(header())
    assert found.values == pytest.approx([HOUR, HOUR], rel=1e-12)
    assert (found.name, found.unit, found.decay_s) == ("SUVbw", "g/mL{SUVbw}", 3600.0)
    assert "60.0 min" in found.formula


def test_activity_at_the_injection_needs_no_times():
    found = suv_factors(header(decay_correction="ADMIN", injected=None, series=None, half_life_s=None))
    assert found.values == pytest.approx(70_000 / 350e6)


def test_stored_uptake_is_left_alone():
    bare = PetHeader("GML", (PetSlice(),), corrected=("ATTN",))
    assert suv_factors(bare).values.tolist() == [1.0]
    assert suv_factors(dataclasses.replace(bare, suv_type="BW")).values.tolist() == [1.0]


@pytest.mark.parametrize("kind", ["bw", "sul_janma", "sul_james", "bsa"])
@pytest.mark.parametrize("stored", ["BW", "LBMJANMA", "LBMJAMES128", "BSA"])
def test_stored_uptake_of_another_kind_agrees_with_activity(kind, stored):
    """Values stored by one kind and asked for by another differ as the two do when computed from the activity."""
    own = {"BW": "bw", "LBMJANMA": "sul_janma", "LBMJAMES128": "sul_james", "BSA": "bsa"}[stored]
    converted = suv_factors(header(units="GML", suv_type=stored), kind).values
    wanted = suv_factors(header(), kind).values / suv_factors(header(), own).values
    assert converted == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("stored", ["LBM", "IBW", "SOMETHING"])
def test_an_ambiguous_kind_is_refused(stored):
    assert "SUV Type (0054,1006)" in refused(units="GML", suv_type=stored)


def test_counts_take_the_scanners_factor_first():
    found = suv_factors(header(units="CNTS", philips_suv=7e-4, philips_activity=4.7))
    assert found.values.tolist() == [7e-4, 7e-4]
    assert any("away" in note for note in found.notes)
    agreed = suv_factors(header(units="CNTS", philips_suv=HOUR * 4.7, philips_activity=4.7))
    assert not any("away" in note for note in agreed.notes)


def test_counts_take_the_activity_scale_where_the_factor_is_zero():
    found = suv_factors(header(units="CNTS", philips_suv=0.0, philips_activity=4.7))
    assert found.values == pytest.approx([4.7 * HOUR] * 2, rel=1e-12)


def test_counts_without_private_attributes_are_refused():
    assert "(7053,xx00)" in refused(units="CNTS")


def test_a_series_time_that_lies_gives_way_to_the_frames():
    """A workstation wrote its own series time; each slice counts back to the start of the scan."""
    constant = np.log(2) / F18
    slices = []
    for bed in range(3):
        begin, length = 180.0 * bed, 150.0
        decay = constant * length
        mean = np.log(decay / (1 - np.exp(-decay))) / constant
        slices.append(PetSlice(TEN + dt.timedelta(seconds=begin), 1000 * (begin + mean), 1000 * length))
    found = suv_factors(header(series=TEN + dt.timedelta(hours=5), slices=tuple(slices)))
    assert found.values == pytest.approx([HOUR] * 3, rel=1e-9)
    assert "processing" in found.notes[0]


def test_the_private_time_of_the_scanner_stands_before_the_frames():
    late = TEN + dt.timedelta(hours=5)
    found = suv_factors(header(series=late, ge_scan=TEN))
    assert found.values == pytest.approx([HOUR] * 2, rel=1e-12)


def test_without_frame_times_the_first_acquisition_counts_and_is_said():
    slices = (PetSlice(TEN + dt.timedelta(minutes=3)), PetSlice(TEN))
    found = suv_factors(header(series=TEN + dt.timedelta(hours=5), slices=slices))
    assert found.values == pytest.approx([HOUR] * 2, rel=1e-12)
    assert "first acquisition" in found.notes[0]


def test_frames_that_contradict_each_other_are_refused():
    slices = (PetSlice(TEN, 0.0, 1000.0), PetSlice(TEN, 600_000.0, 1000.0))
    assert "600 s apart" in refused(series=TEN + dt.timedelta(hours=5), slices=slices)


def test_midnight_between_injection_and_scan():
    scan = dt.datetime.fromisoformat("2024-05-07T00:20")
    found = suv_factors(
        header(injected=None, injected_time=dt.time(23, 20), series=scan, slices=(PetSlice(scan),) * 2)
    )
    assert found.values == pytest.approx([HOUR] * 2, rel=1e-12)
    assert "midnight" in found.notes[0]


def test_the_time_alone_counts_on_the_day_of_the_scan():
    found = suv_factors(header(injected=None, injected_time=dt.time(9, 0)))
    assert found.values == pytest.approx([HOUR] * 2, rel=1e-12)


def test_a_long_lived_radionuclide_needs_the_day_of_its_injection():
    text = refused(
        injected=None, injected_time=dt.time(9, 0), half_life_s=282_280.0, radionuclide="^89^Zirconium"
    )
    assert "(0018,1078) is missing" in text
    days = suv_factors(header(injected=TEN - dt.timedelta(days=4), half_life_s=282_280.0, dose_bq=37e6))
    assert days.values == pytest.approx(70_000 / (37e6 * 0.5 ** (4 * 86_400 / 282_280.0)), rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "tag"),
    [
        ({"weight_kg": None}, "(0010,1030) is missing"),
        ({"weight_kg": 0.0}, "(0010,1030) is 0 kg"),
        ({"weight_kg": 70_000.0}, "(0010,1030) is 70000 kg"),
        ({"dose_bq": None}, "(0018,1074) is missing"),
        ({"dose_bq": 350.0}, "looks like MBq"),
        ({"dose_bq": 0.0}, "(0018,1074) is 0 Bq"),
        ({"half_life_s": None}, "(0018,1075) is missing"),
        ({"half_life_s": 100.0}, "(0018,1075) is 100 s"),
        ({"half_life_s": 4062.6, "radionuclide": "F^18^"}, "is F18"),
        ({"injected": None}, "(0018,1078) and Start Time (0018,1072) are missing"),
        ({"injected": TEN + dt.timedelta(minutes=1)}, "-1 min apart"),
        ({"injected": NINE - dt.timedelta(days=400)}, "pseudonymised"),
        ({"decay_correction": "NONE"}, "Decay Correction (0054,1102)"),
        ({"decay_correction": ""}, "says nothing"),
        ({"corrected": ("ATTN",)}, "without DECY"),
        ({"corrected": ("DECY",)}, "not corrected for attenuation"),
        ({"units": "PROPCPS"}, "Units (0054,1001)"),
        ({"slices": (PetSlice(TEN), PetSlice())}, "on some slices"),
        ({"slices": (PetSlice(), PetSlice())}, "are missing:"),
    ],
)
def test_what_is_missing_or_impossible_is_refused_with_its_tag(changed, tag):
    assert tag in refused(**changed)


def test_all_reasons_come_at_once():
    text = refused(weight_kg=None, dose_bq=None, injected=None)
    assert all(tag in text for tag in ("(0010,1030)", "(0018,1074)", "(0018,1072)"))


def test_unknown_kind():
    with pytest.raises(SettingsError, match="bsa"):
        suv_factors(header(), "bsaa")


def test_lean_mass_wants_height_and_sex():
    with pytest.raises(InputError, match="looks like centimetres"):
        suv_factors(header(height_m=175.0), "sul_janma")
    with pytest.raises(InputError, match="Sex"):
        suv_factors(header(sex="O"), "sul_janma")
    with pytest.raises(InputError, match="use Janma"):
        lean_mass_kg(250.0, 1.5, "F", "james")


@given(
    bmi=st.floats(14, 60),
    height=st.floats(1.4, 2.1),
    sex=st.sampled_from("MF"),
    hours=st.floats(0.2, 4.0),
)
def test_kinds_stand_in_the_ratio_of_their_body_sizes(bmi, height, sex, hours):
    weight = bmi * height**2
    one = header(weight_kg=weight, height_m=height, sex=sex, injected=TEN - dt.timedelta(hours=hours))
    bw = suv_factors(one).values[0]
    lean = lean_mass_kg(weight, height, sex)
    assert 0.2 * weight < lean < weight
    assert suv_factors(one, "sul_janma").values[0] == pytest.approx(bw * lean / weight, rel=1e-12)
    surface = 1e4 * body_surface_m2(weight, height) / (1000 * weight)
    assert suv_factors(one, "bsa").values[0] == pytest.approx(bw * surface, rel=1e-12)


@given(minutes=st.integers(1, 600))
def test_a_later_scan_raises_the_factor_by_decay(minutes):
    later = TEN + dt.timedelta(minutes=minutes)
    moved = suv_factors(header(series=later, slices=(PetSlice(later),) * 2)).values[0]
    assert moved / HOUR == pytest.approx(2 ** (60 * minutes / F18), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("^18^Fluorine", "F18"),
        ("F^18^", "F18"),
        ("Fluorine-18", "F18"),
        ("Fluorodeoxyglucose F^18^", "F18"),
        ("C-111A1", "F18"),
        ("FDG", "F18"),
        ("[68Ga]Ga-PSMA-11", "Ga68"),
        ("^68^Gallium", "Ga68"),
        ("64Cu-DOTATATE", "Cu64"),
        ("Zr 89", "Zr89"),
        ("Lutetium 177", "Lu177"),
        ("PSMA-1007 F18", "F18"),
        ("Solution", ""),
        ("", ""),
    ],
)
def test_radionuclides_are_read_from_codes_and_names(text, nuclide):
    assert radionuclide_of(PetHeader("BQML", (), radiopharmaceutical=text)) == nuclide


def test_a_missing_half_life_is_that_of_the_named_radionuclide():
    seconds, notes = half_life(header(half_life_s=None, radionuclide="^18^Fluorine"))
    assert seconds == 6584.0
    assert "F18" in notes[0]


def test_slices_of_two_series_are_refused():
    rows = [{"Units": "BQML", "PatientWeight": 70}, {"Units": "BQML", "PatientWeight": 71}]
    with pytest.raises(InputError, match=r"weight_kg: 70\.0 and 71\.0"):
        PetHeader.from_mapping(rows)
    with pytest.raises(InputError, match="without slices"):
        PetHeader.from_mapping([])


@pytest.mark.parametrize("broken", ["2024", "20241332", "99:99:99", "abc", None, "20240506256100"])
def test_a_broken_time_is_a_missing_one(broken):
    row = {"Units": "BQML", "AcquisitionDate": broken, "AcquisitionTime": broken, "SeriesDate": broken}
    assert PetHeader.from_mapping([row]).slices[0].acquired is None


def test_nan_and_inf_are_no_numbers():
    """Python reads "nan" and "inf" as numbers; a header means nothing by them."""
    row = {
        "Units": "BQML",
        "PatientWeight": "nan",
        "RadionuclideHalfLife": "NaN",
        "RadionuclideTotalDose": "inf",
    }
    found = PetHeader.from_mapping([row])
    assert (found.weight_kg, found.half_life_s, found.dose_bq) == (None, None, None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"doses": 2}, "lists 2 different doses"),
        ({"injected_time": dt.time(8, 0)}, "-60 min from Start Date Time"),
        ({"weight_kg": 175.0, "height_m": 0.7}, "they were swapped"),
        ({"half_life_s": 109.8, "radionuclide": "^18^Fluorine"}, "looks like minutes"),
        ({"radionuclide": "^18^Fluorine", "radiopharmaceutical": "[68Ga]Ga-PSMA-11"}, "(0018,0031) Ga68"),
        ({"decay_correction": "ADMIN", "corrected": ("ATTN",)}, "without DECY"),
        ({"units": "CNTS", "philips_suv": -7e-4}, "negative"),
        (
            {"series": TEN + dt.timedelta(hours=5), "ge_scan": TEN + dt.timedelta(hours=4)},
            "lies 240 min after",
        ),
        ({"units": "BQCC"}, "no term of the standard"),
    ],
)
def test_oddities_of_real_scanners_are_refused(changed, said):
    assert said in refused(**changed)


def test_an_injection_on_another_date_gives_no_date_away():
    """Dates shifted apart by a pseudonymisation: the refusal tells how far, never when."""
    text = refused(injected=NINE - dt.timedelta(days=31))
    assert "44700 min apart" in text
    assert "2024" not in text


def test_a_zone_of_its_own_is_turned_to_the_scanners():
    row = {
        "RadiopharmaceuticalStartDateTime": "20240506070000.00+0000",
        "RadiopharmaceuticalStartTime": "090000",
        "TimezoneOffsetFromUTC": "+0200",
    }
    assert PetHeader.from_mapping([row]).injected == NINE
    # without the scanner's zone the two times contradict each other, and nothing is guessed
    bare = PetHeader.from_mapping([row | {"TimezoneOffsetFromUTC": None}])
    assert "-120" in refused(injected=bare.injected + dt.timedelta(hours=4), injected_time=NINE.time())


def test_two_equal_doses_are_one_and_two_different_ones_two():
    dose = {"RadionuclideTotalDose": "3e8", "Radiopharmaceutical": "FDG"}
    other = dose | {"RadionuclideTotalDose": "1e8"}
    rows = [{"RadiopharmaceuticalInformationSequence": items} for items in ([dose, dose], [dose, other])]
    assert [PetHeader.from_mapping([row]).doses for row in rows] == [1, 2]


@pytest.mark.parametrize("reference", [0.0, 75.0])
def test_a_frame_reference_time_that_cannot_be_meant_gives_way(reference):
    """0 that nobody filled in, or seconds for milliseconds: a frame has its mean after its start."""
    slices = tuple(
        PetSlice(TEN + dt.timedelta(seconds=180 * bed), reference * (1 + bed), 150_000.0) for bed in range(3)
    )
    found = suv_factors(header(series=TEN + dt.timedelta(hours=5), slices=slices))
    assert found.values == pytest.approx([HOUR] * 3, rel=1e-12)
    assert "cannot be meant" in found.notes[0]


def test_a_decay_factor_that_contradicts_admin_is_said():
    """A factor of 1.01 leads back to the scan's start, not over the hour to the injection."""
    slices = (PetSlice(TEN, 0.0, 120_000.0, 1.0127),) * 2
    found = suv_factors(header(decay_correction="ADMIN", slices=slices))
    assert "32% too low" in found.notes[0]
    whole = (PetSlice(TEN, 0.0, 120_000.0, 1.4717),) * 2
    assert suv_factors(header(decay_correction="ADMIN", slices=whole)).notes == ()


def sts_rows():
    import csv

    with real("sts", "dicom_headers.csv").open(encoding="utf-8") as handle:
        return [row for row in csv.DictReader(handle) if row["dose_bq"] and row["units"] == "GML"]


def test_real_headers_lead_from_uptake_to_activity_and_back():
    """Headers of 36 patients and more: stored uptake back to Bq/mL by hand, forth by the factor, START and ADMIN."""
    rows = sts_rows()
    assert len(rows) >= 30
    refusals = []
    for row in rows:
        day = dt.datetime.strptime(row["PET_date"], "%Y%m%d")  # noqa: DTZ007 - a scanner's clock
        scan, injected = (
            day + dt.timedelta(hours=int(text[:-4]), minutes=int(text[-4:-2]), seconds=int(text[-2:]))
            for text in (str(int(float(row[name]))) for name in ("acq_time", "inj_time"))
        )
        one = header(
            slices=(PetSlice(scan),), series=scan, injected=injected, weight_kg=float(row["weight_kg"]),
            height_m=float(row["height_m"]), sex=row["PET_sex"], dose_bq=float(row["dose_bq"]),
            half_life_s=float(row["halflife"]),
        )  # fmt: skip
        uptake = np.array([0.3, 2.5, 17.0])
        dose, grams = float(row["dose_bq"]), 1000 * float(row["weight_kg"])
        left = dose * 2 ** (-(scan - injected).total_seconds() / float(row["halflife"]))
        for correction, then in (("START", left), ("ADMIN", dose)):
            activity = uptake * then / grams
            try:
                factor = suv_factors(dataclasses.replace(one, decay_correction=correction)).values[0]
            except InputError as error:
                refusals.append(str(error))
                continue
            np.testing.assert_allclose(activity * factor, uptake, rtol=1e-12)
        stored = dataclasses.replace(
            one, units="GML", suv_type=row["suvtype"], decay_correction=row["decaycorr"]
        )
        assert suv_factors(stored).values.tolist() == [1.0]
    assert refusals == []
