r"""Hand-made features down to the voxels: what each region of the lesion adds, by taking it out and measuring again.

The lesion is cut into k compact regions; the tissue around it is one more. For every coalition S of regions the others
are filled (`hybridx.explain.lesion_regions`), all features of the modality are measured again with the settings of the
cohort, and the model predicts the patient with these, everything else unchanged. With v(S) that prediction, a region
gets its exact Shapley value over all :math:`2^{k + 1}` coalitions. They sum to v(all) - v(nothing). What is left of the
modality's contribution is what the patient would still have with every region filled: size and shape of the contour,
which stay, and columns that are not measured from this image. It is no region's and stands in the map `contour`, evenly
over the lesion. (Scaling the regions up to the whole would divide by a difference that can be 0.)

A region's value is dealt out evenly over its voxels: the map is as fine as its regions and no finer.

Source
------
Occlusion: Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53; Shapley values of regions: Ancona et al. 2019,
arXiv:1903.10992. A feature that is a mean has known values of regions: checked to 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort.columns import modality_of
from hybridx.compute import one_thread, progress
from hybridx.errors import InputError, SettingsError
from hybridx.explain.knowing import shapley_weights
from hybridx.explain.lesion_regions import LesionRegions, lesion_regions
from hybridx.explain.voxel_explanation import VoxelExplanation
from hybridx.imaging import Image, Study
from hybridx.measure import ExtractSettings, RadiomicsSettings, measure_radiomics, uptake
from hybridx.terms.text import listing

__all__ = ["MOST_REGIONS", "radiomics_voxels"]

FloatArray = npt.NDArray[np.float64]
Predict = Callable[[pl.DataFrame], FloatArray]

MOST_REGIONS = 12  # 8,192 measurements
# Largest difference between a column and the same feature measured now, relative to its size: other machines' rounding.
_SAME = 1e-3
_NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class _Measure:
    """How the columns of one modality are measured from an image; `columns` are those that the model reads."""

    modality: str
    mask: Image
    settings: RadiomicsSettings
    columns: list[str]

    def __call__(self, image: Image) -> dict[str, float]:
        values = dict(measure_radiomics(image, self.mask, self.settings).values)
        if self.modality.partition("@")[0] == "pet":
            values |= uptake(image, self.mask)
        named = {f"{self.modality}.{name}": float(value) for name, value in values.items()}
        return {c: named[c] for c in self.columns if c in named}


def radiomics_voxels(
    predict: Predict,
    row: pl.DataFrame,
    study: Study,
    *,
    about: tuple[str, str, float],
    columns: list[str],
    regions: int,
    settings: ExtractSettings | RadiomicsSettings | None,
    show_progress: bool = True,
) -> VoxelExplanation:
    """Spread what a patient's hand-made PET or CT features add over the regions of the lesion.

    Parameters
    ----------
    predict : callable
        Table to predictions (n,), on the scale of `about`.
    row : polars.DataFrame
        The patient's row.
    study : Study
        With the image and the mask that the columns were measured from.
    about : (str, str, float)
        Modality, scale, and the modality's contribution to the patient's prediction.
    columns : list of str
        The model's columns of this modality.
    regions : int
        Regions of the lesion: 2 to the power of regions + 1 measurements.
    settings : ExtractSettings, RadiomicsSettings or None
        How the columns were measured; None: as `hybridx.extract` measures them.
    show_progress : bool

    Raises
    ------
    SettingsError
        Impossible `regions`.
    InputError
        The study lacks the image or its mask, or the columns were not measured from them with these settings.
    """
    modality, scale, contribution = about
    kind = modality.partition("@")[0]
    if isinstance(regions, bool) or not isinstance(regions, int) or not 1 <= regions <= MOST_REGIONS:
        msg = f"regions={regions!r}: wanted 1 to {MOST_REGIONS}; one more doubles the measurements."
        raise SettingsError(msg)
    if kind not in study.images or kind not in study.masks:
        msg = f"The study has no {kind} image with a mask, which {modality!r} was measured from: it has {study!r}."
        raise InputError(msg)
    chosen = getattr(settings or ExtractSettings(), kind, settings)
    measure = _Measure(modality, study.masks[kind], _only_needed(chosen, columns), columns)
    cut = lesion_regions(study.images[kind], study.masks[kind], regions)
    with one_thread():
        worth, undefined, kept = _worth(predict, row, cut, measure, show_progress=show_progress)
    by_region = shapley_weights(cut.players) @ worth
    whole = contribution - float(by_region.sum())
    size = np.abs(by_region)
    moved = size.sum() > _NOTHING * (1.0 + abs(contribution))
    lesion = measure.mask.array > 0
    held = len(columns) - kept
    filling = f"{cut.level:.3g} +/- {cut.spread:.2g} {study.images[kind].unit}"
    method = (
        f"exact Shapley values of {cut.count} regions of the lesion and the tissue around it ({len(worth)} "
        f"measurements; filled to {filling}, the median and spread around it)"
        + (f"; {undefined:.0%} of the values were not defined and count as missing" if undefined else "")
        + (f"; {held} columns are not measured from this image and stayed as they are" if held else "")
    )
    place = measure.mask.grid
    maps = {
        kind: cut.spread_out(by_region),
        "contour": np.where(lesion, whole / lesion.sum(), 0.0),
    }
    return VoxelExplanation(
        patient_id=str(row["patient_id"][0]),
        modality=modality,
        scale=scale,
        contribution=contribution,
        maps={
            name: Image(one, place.spacing, place.origin, place.direction, unit=scale)
            for name, one in maps.items()
        },
        images={name: study.images[name] for name in (kind, *_others(study, kind))},
        masks={name: study.masks[name] for name in (kind, *_others(study, kind)) if name in study.masks},
        inside={kind: float(size[: cut.count].sum() / size.sum())} if moved else {},
        lesion_share=float(lesion.sum() / (cut.region > 0).sum()),
        outside=0.0,
        rest=0.0,
        method=method,
    )


def _others(study: Study, kind: str) -> list[str]:
    return [name for name in ("pet", "ct", "mr") if name in study.images and name != kind]


def _only_needed(settings: RadiomicsSettings, columns: list[str]) -> RadiomicsSettings:
    """Leave out families that the model reads nothing of: each is measured hundreds of times."""
    words = {word for c in columns for word in c.partition(".")[2].split("_")}
    families = tuple(f for f in settings.families if f in words)
    return replace(settings, families=families or settings.families[:1])


def _worth(
    predict: Predict,
    row: pl.DataFrame,
    cut: LesionRegions,
    measure: _Measure,
    *,
    show_progress: bool,
) -> tuple[FloatArray, float, int]:
    """Return v of every coalition (bit i: region i + 1 is there), the share of undefined values, columns measured."""
    count = 2**cut.players
    found = []
    with progress("Measuring the lesion without its regions", count, enabled=show_progress) as bar:
        for mask in range(count):
            found.append(measure(cut.kept(mask)))
            bar.advance()
    names = list(found[-1])
    if not names:
        msg = (
            f"The model reads no column of {measure.modality!r} that is measured from this image: it reads "
            f"{listing(measure.columns)}."
        )
        raise InputError(msg)
    _check(row, found[-1])
    values = np.array([[one[name] for name in names] for one in found])
    table = row[np.zeros(count, dtype=np.intp)].with_columns(
        pl.Series(name, values[:, j]).fill_nan(None) for j, name in enumerate(names)
    )
    there = ~np.isnan(values[-1])
    undefined = float(np.isnan(values[:, there]).mean()) if there.any() else 0.0
    # the last one is the patient's own row, to the last digit
    return np.append(predict(table)[:-1], predict(row)), undefined, len(names)


def _check(row: pl.DataFrame, measured: dict[str, float]) -> None:
    """Refuse an image or settings that the columns were not measured with."""
    wrong = []
    for name, value in measured.items():
        own = row[name][0] if name in row.columns else None
        own = np.nan if own is None else float(own)
        if np.isnan(own) != np.isnan(value) or abs(own - value) > _SAME * (abs(own) + 1e-9):
            wrong.append(f"{name}: {own:.6g} in the table, {value:.6g} measured")
    if wrong:
        msg = (
            f"{len(wrong)} of {len(measured)} columns of {modality_of(next(iter(measured)))!r} differ from what this "
            f"image gives: {listing(wrong)}. Pass the study that they were measured from, and `settings` as they were."
        )
        raise InputError(msg)
