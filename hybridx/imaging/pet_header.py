"""The facts of a PET series that standardised uptake values rest on, read from its headers and not yet believed."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.uid import EnhancedPETImageStorage

from hybridx.errors import InputError

__all__ = ["PetHeader", "PetSlice"]

_DATE = re.compile(r"\d{8}")
_ZONE = re.compile(r"([+-])(\d{2})(\d{2})$")
_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(?:\.(\d{1,6}))?")
# private blocks that hold what the standard's attributes leave out, by their creator
_PHILIPS, _GE = "Philips PET Private Group", "GEMS_PETD_01"


@dataclass(frozen=True)
class PetSlice:
    """What may differ from slice to slice.

    Parameters
    ----------
    acquired : datetime or None
        Start of the acquisition of this slice's bed position.
    frame_reference_ms : float or None
        From the series' reference time to the moment at which the counts had their mean, ms.
    frame_duration_ms : float or None
        Length of the acquisition, ms.
    decay_factor : float or None
        (0054,1321): what the scanner multiplied this slice by for decay.
    """

    acquired: dt.datetime | None = None
    frame_reference_ms: float | None = None
    frame_duration_ms: float | None = None
    decay_factor: float | None = None


@dataclass(frozen=True)
class PetHeader:
    """What the headers of a PET series say; None where they say nothing.

    Parameters
    ----------
    units : str
        (0054,1001): ``BQML``, ``CNTS``, ``GML``.
    slices : tuple of PetSlice
        In the order in which they were given.
    decay_correction : str
        (0054,1102): ``START``, ``ADMIN``, ``NONE``.
    corrected : tuple of str
        (0028,0051): ``DECY``, ``ATTN``, ...
    suv_type : str
        (0054,1006), with units of GML: ``BW`` where it is absent.
    weight_kg, height_m : float or None
        (0010,1030), (0010,1020).
    sex : str
        (0010,0040).
    dose_bq : float or None
        (0018,1074) of the first radiopharmaceutical.
    half_life_s : float or None
        (0018,1075).
    radionuclide, radiopharmaceutical : str
        Code meaning or free text.
    injected : datetime or None
        (0018,1078), day and time of the injection.
    injected_time : time or None
        (0018,1072), the time without a day.
    series : datetime or None
        (0008,0021) and (0008,0031); a workstation that post-processes may write its own time there.
    ge_scan : datetime or None
        (0009,xx0D) of GE: the time that values are corrected to.
    philips_suv, philips_activity : float or None
        (7053,xx00): counts to SUV; (7053,xx09): counts to Bq/mL.
    manufacturer : str
        (0008,0070).
    doses : int
        Different radiopharmaceuticals that are listed (0054,0016); of several nothing can be worked out.
    corrected_to : datetime or None
        (0018,9701) of the enhanced class: the moment that all its values are corrected to.
    """

    units: str
    slices: tuple[PetSlice, ...]
    decay_correction: str = ""
    corrected: tuple[str, ...] = ()
    suv_type: str = ""
    weight_kg: float | None = None
    height_m: float | None = None
    sex: str = ""
    dose_bq: float | None = None
    half_life_s: float | None = None
    radionuclide: str = ""
    radiopharmaceutical: str = ""
    injected: dt.datetime | None = None
    injected_time: dt.time | None = None
    series: dt.datetime | None = None
    ge_scan: dt.datetime | None = None
    philips_suv: float | None = None
    philips_activity: float | None = None
    manufacturer: str = ""
    doses: int = 1
    corrected_to: dt.datetime | None = None

    @classmethod
    def read(cls, datasets: Sequence[Any], told: Mapping[str, Any] | None = None) -> PetHeader:
        """Read the headers of a series (pydicom datasets, one per slice).

        Parameters
        ----------
        datasets : sequence of pydicom.Dataset
            Without pixels will do.
        told : mapping of str to value, optional
            Facts that stand above the headers, knowingly: what they say there is not even compared.

        Raises
        ------
        InputError
            No dataset, or slices that disagree on what must be one for the whole series.
        """
        if not datasets:
            msg = "A PET series without slices has no header to read."
            raise InputError(msg)
        facts = _facts(datasets[0]) | dict(told or {})
        for one in datasets[1:]:
            other = _facts(one) | dict(told or {})
            odd = [name for name in facts if facts[name] != other[name]]
            if odd:
                shown = ", ".join(_difference(name, facts[name], other[name]) for name in odd[:5])
                msg = f"Slices of one PET series disagree ({shown}): two series were mixed, or a header was edited."
                raise InputError(msg)
        return cls(slices=tuple(_slice(one) for one in datasets), **facts)

    @classmethod
    def from_mapping(cls, rows: Iterable[Mapping[str, Any]]) -> PetHeader:
        """Read headers kept as plain keyword-to-value mappings, one per slice, with private values by name.

        The private values are ``PhilipsPETPrivateGroup`` (``SUVScaleFactor``, ``ActivityConcentrationScaleFactor``)
        and ``GEPrivatePostInjectionDateTime``; radiopharmaceutical attributes may lie at the top.
        """
        return cls.read([_Plain(row) for row in rows])


def _difference(name: str, one: Any, other: Any) -> str:
    """Say how two slices differ: numbers as they are; texts and moments may tell who the patient is."""
    numbers = all(value is None or isinstance(value, float | int) for value in (one, other))
    return f"{name}: {one!r} and {other!r}" if numbers else name


class _Plain:
    """A mapping that answers like a header."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row

    def get(self, name: str, default: Any = None) -> Any:
        return self.row.get(name, default)

    def private(self, creator: str, element: int) -> Any:
        if creator == _PHILIPS:
            name = {0x00: "SUVScaleFactor", 0x09: "ActivityConcentrationScaleFactor"}[element]
            return (self.row.get("PhilipsPETPrivateGroup") or {}).get(name)
        return self.row.get("GEPrivatePostInjectionDateTime")


def _private(dataset: Any, creator: str, group: int, element: int) -> Any:
    if isinstance(dataset, _Plain):
        return dataset.private(creator, element)
    try:
        value = dataset.private_block(group, creator)[element].value
    except KeyError:
        return None
    # an implicit-VR file without a dictionary entry hands private values over as bytes
    return value.decode("ascii", "replace").strip("\0 ") if isinstance(value, bytes) else value


def _facts(dataset: Any) -> dict[str, Any]:
    dose = dataset.get("RadiopharmaceuticalInformationSequence")
    given = dose[0] if dose else dataset
    zone = _zone(dataset.get("TimezoneOffsetFromUTC"))
    corrected = dataset.get("CorrectedImage") or ()
    return {
        "units": _text(dataset.get("Units")).upper(),
        "decay_correction": _text(dataset.get("DecayCorrection")).upper(),
        "corrected": (corrected,) if isinstance(corrected, str) else tuple(str(one) for one in corrected),
        "suv_type": _text(dataset.get("SUVType")).upper(),
        "weight_kg": _number(dataset.get("PatientWeight")),
        "height_m": _number(dataset.get("PatientSize")),
        "sex": _text(dataset.get("PatientSex")).upper(),
        "dose_bq": _number(given.get("RadionuclideTotalDose")),
        "half_life_s": _number(given.get("RadionuclideHalfLife")),
        "radionuclide": _meaning(given.get("RadionuclideCodeSequence")),
        "radiopharmaceutical": _text(given.get("Radiopharmaceutical"))
        or _meaning(given.get("RadiopharmaceuticalCodeSequence")),
        "injected": _moment(given.get("RadiopharmaceuticalStartDateTime"), zone),
        "injected_time": _time(given.get("RadiopharmaceuticalStartTime")),
        "series": _joined(dataset.get("SeriesDate"), dataset.get("SeriesTime")),
        "ge_scan": _moment(_private(dataset, _GE, 0x0009, 0x0D)),
        "philips_suv": _number(_private(dataset, _PHILIPS, 0x7053, 0x00)),
        "philips_activity": _number(_private(dataset, _PHILIPS, 0x7053, 0x09)),
        "manufacturer": _text(dataset.get("Manufacturer")),
        "doses": len({_dose_key(one) for one in dose}) if dose else 1,
        "corrected_to": _moment(dataset.get("DecayCorrectionDateTime"), zone)
        if dataset.get("SOPClassUID") == EnhancedPETImageStorage
        else None,
    }


def _dose_key(item: Any) -> tuple[Any, ...]:
    names = ("RadionuclideTotalDose", "RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime")
    return (
        *(_text(item.get(name)) for name in (*names, "Radiopharmaceutical")),
        _meaning(item.get("RadionuclideCodeSequence")),
    )


def _slice(dataset: Any) -> PetSlice:
    acquired = _joined(dataset.get("AcquisitionDate"), dataset.get("AcquisitionTime"))
    return PetSlice(
        acquired or _moment(dataset.get("AcquisitionDateTime")),
        _number(dataset.get("FrameReferenceTime")),
        _number(dataset.get("ActualFrameDuration")),
        _number(dataset.get("DecayFactor")),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip("\0 ")


def _number(value: Any) -> float | None:
    try:
        number = float(_text(value))
    except ValueError:
        return None
    # "nan" and "inf" are numbers to Python; to a header they are nothing
    return number if math.isfinite(number) else None


def _meaning(sequence: Any) -> str:
    if not sequence:
        return ""
    item = sequence[0]
    return _text(item.get("CodeMeaning")) or _text(item.get("CodeValue"))


def _joined(date: Any, time: Any) -> dt.datetime | None:
    day, moment = _date(date), _time(time)
    return None if day is None or moment is None else dt.datetime.combine(day, moment)


def _date(value: Any) -> dt.date | None:
    text = _text(value).replace(".", "").replace("-", "")
    if not _DATE.fullmatch(text):
        return None
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _time(value: Any) -> dt.time | None:
    found = _TIME.fullmatch(_text(value).replace(":", ""))
    if found is None:
        return None
    hour, minute, second, fraction = found.groups(default="0")
    try:
        # a leap second is written 60 and counted as 59, as the standard's own readers do
        return dt.time(int(hour), int(minute), min(int(second), 59), int(fraction.ljust(6, "0")))
    except ValueError:
        return None


def _zone(value: Any) -> dt.timedelta | None:
    """Read an offset from UTC, such as ``+0200``."""
    found = _ZONE.search(_text(value))
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    return (-1 if sign == "-" else 1) * dt.timedelta(hours=int(hours), minutes=int(minutes))


def _moment(value: Any, zone: dt.timedelta | None = None) -> dt.datetime | None:
    """Read a DICOM date-time on the scanner's clock.

    An offset of its own is turned into that of the other times (0008,0201); where these have none, it is dropped.
    """
    text = _text(value)
    own = _zone(text) if len(text) > 8 else None
    moment = _joined(text[:8], _ZONE.sub("", text[8:]) or None)
    if moment is None or own is None or zone is None:
        return moment
    return moment - own + zone
