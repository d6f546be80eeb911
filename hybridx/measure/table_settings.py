"""Settings of what is made of tables: which laboratory value counts, which flags and scores are added."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hybridx.errors import SettingsError
from hybridx.terms import check_name
from hybridx.terms.analytes import analytes

__all__ = ["SERIES", "ExpressionSettings", "GenomicsSettings", "LabSettings"]

SERIES = ("slope", "nadir", "days_above", "doubling")


@dataclass(frozen=True)
class LabSettings:
    """Which laboratory value stands for baseline, and what is made of several of them.

    Parameters
    ----------
    window_days : float
        A value older than this before the landmark is not a baseline value.
    landmark_day : float
        Day relative to baseline; values after it do not exist yet, for no feature.
    ratios : bool
        Add the ratios and scores of `hybridx.measure.lab_ratios`, each where all its parts are there.
    same_draw_days : float
        Parts of a ratio lie at most so many days apart; 0 wants the same day.
    per_upper_limit : tuple of str
        Analytes that also enter divided by their upper reference limit (``lab.ldh_uln``).
    range_flags : tuple of str
        Analytes that also enter as flags (``lab.sodium_low``, ``lab.sodium_high``: 1 outside, 0 inside).
    below_flags : bool
        Add ``lab.<analyte>_below`` (1 below the limit of detection) where any patient's value is.
    series : tuple of str
        What is made of a series: any of slope, nadir, days_above, doubling; empty for nothing.
    series_analytes : tuple of str
        Analytes beside the tumour markers that get nadir and time above the limit as well; the slope is for all.
    series_days : float
        How far back from the landmark a series reaches.
    series_values : int
        Days with a value that a series needs, at least 2 (and 3 for a doubling time).
    series_span_days : float
        Shortest time between the first and the last value of a series; three values of one week are noise.

    Raises
    ------
    SettingsError
        An impossible number, an unknown analyte or feature of a series (with the nearest name).
    """

    window_days: float = 30.0
    landmark_day: float = 0.0
    ratios: bool = True
    same_draw_days: float = 0.0
    per_upper_limit: tuple[str, ...] = ("ldh",)
    range_flags: tuple[str, ...] = ()
    below_flags: bool = False
    series: tuple[str, ...] = SERIES
    series_analytes: tuple[str, ...] = ()
    series_days: float = 365.0
    series_values: int = 3
    series_span_days: float = 28.0

    def __post_init__(self) -> None:
        for name in ("window_days", "same_draw_days", "series_days", "series_span_days"):
            if not getattr(self, name) >= 0:
                msg = f"{name}={getattr(self, name)!r} is not a number of days >= 0."
                raise SettingsError(msg)
        if not math.isfinite(self.landmark_day):
            msg = f"landmark_day={self.landmark_day!r} is not a day."
            raise SettingsError(msg)
        if isinstance(self.series_values, bool) or self.series_values < 2:
            msg = f"series_values={self.series_values!r} is not a number of values >= 2: one value has no course."
            raise SettingsError(msg)
        for kind in self.series:
            check_name(kind, SERIES, "feature of a series")
        for setting in ("per_upper_limit", "range_flags", "series_analytes"):
            _check_analytes(getattr(self, setting), setting)


def _check_analytes(names: tuple[str, ...], setting: str) -> None:
    if isinstance(names, str):
        msg = f"{setting}={names!r} is one word; give names in a tuple: ({names!r},)."
        raise SettingsError(msg)
    for name in names:
        check_name(name, analytes(), f"analyte in {setting}")


@dataclass(frozen=True)
class GenomicsSettings:
    """What is made of variants beside the flags of single genes.

    Parameters
    ----------
    landmark_day : float
        Day relative to baseline; samples after it do not exist yet.
    hotspots, pathways : bool
        Add the flags of hotspots (``genomics.kras_g12``) and of pathways (``genomics.path_pi3k``).
    hotspot_file, pathway_file : str or None
        CSV tables in the place of the library's own: flag, title, gene, first, last, change, after; and pathway,
        title, gene, role (oncogene, suppressor or any).
    """

    landmark_day: float = 0.0
    hotspots: bool = True
    pathways: bool = True
    hotspot_file: str | None = None
    pathway_file: str | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.landmark_day):
            msg = f"landmark_day={self.landmark_day!r} is not a day."
            raise SettingsError(msg)


@dataclass(frozen=True)
class ExpressionSettings:
    """What is made of gene expression.

    Parameters
    ----------
    landmark_day : float
        Day relative to baseline; samples after it do not exist yet.
    genes : bool
        Add every gene (``expression.cd274``); False keeps the signatures alone.
    signatures : bool
        Add rank scores of sets of genes (``expression.sig_proliferation``).
    gene_set_file : str or None
        A GMT file whose sets join the library's own and those of the data folder.
    coverage : float
        Share of a set's genes that a sample must have.
    min_genes : int
        Genes that a sample must have for ranks to mean something.
    """

    landmark_day: float = 0.0
    genes: bool = True
    signatures: bool = True
    gene_set_file: str | None = None
    coverage: float = 0.8
    min_genes: int = 500

    def __post_init__(self) -> None:
        if not math.isfinite(self.landmark_day):
            msg = f"landmark_day={self.landmark_day!r} is not a day."
            raise SettingsError(msg)
        if not 0 < self.coverage <= 1:
            msg = f"coverage={self.coverage!r} is not a share above 0 and at most 1."
            raise SettingsError(msg)
        if self.min_genes < 2:
            msg = f"min_genes={self.min_genes!r} is not a number of genes >= 2."
            raise SettingsError(msg)
