"""Slices to a stack: sorted along their normal, a scout set aside, refused where they are no regular stack."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridx.errors import InputError

__all__ = ["lost_ends", "sort_slices", "stack_geometry", "without_scout"]

# A position is written with a few decimals; a slice that is missing moves the next by a whole spacing.
GAP_FRACTION = 0.1
# A lone slice this far beyond the end of a stack is a scout, which some consoles store in the same series.
FAR_STEPS, FAR_MM, FEWEST = 10.0, 50.0, 4
PARALLEL = 1e-3
EDGE_MM = (0.05, 25.0)


def sort_slices(slices: list[Any]) -> list[Any]:
    """Sort along the normal; refuse what cannot be one stack."""
    axes = np.array([one.ImageOrientationPatient for one in slices], dtype=np.float64)
    if np.abs(axes - axes[0]).max() > PARALLEL:
        msg = "Slices of one series lie in different directions (0020,0037): they are no stack."
        raise InputError(msg)
    for name in ("Modality", "Rows", "Columns", "PixelSpacing"):
        if len({str(one.get(name)) for one in slices}) > 1 and not _alike(slices, name):
            msg = f"Slices of one series differ in {name}: two series were mixed."
            raise InputError(msg)
    normal = np.cross(axes[0, :3], axes[0, 3:])
    along = np.array(
        [np.dot(normal, np.asarray(one.ImagePositionPatient, dtype=np.float64)) for one in slices]
    )
    return [slices[index] for index in np.argsort(along, kind="stable")]


def without_scout(slices: list[Any]) -> tuple[list[Any], list[str]]:
    """Set aside a lone slice far beyond either end of a stack."""
    if len(slices) < FEWEST:
        return slices, []
    axes = np.asarray(slices[0].ImageOrientationPatient, dtype=np.float64)
    normal = np.cross(axes[:3], axes[3:])
    along = np.array([one.ImagePositionPatient for one in slices], dtype=np.float64) @ normal
    steps = np.diff(along)
    edge = float(np.median(steps))
    far = max(FAR_STEPS * edge, FAR_MM)
    inner = steps[1:-1]
    if edge <= 0.0 or (np.abs(inner - edge) > GAP_FRACTION * edge).any():
        return slices, []
    start, stop = int(steps[0] > far), len(slices) - int(steps[-1] > far)
    gaps = [steps[0]] * start + [steps[-1]] * (len(slices) - stop)
    return slices[start:stop], [
        f"a lone slice {gap:.0f} mm beyond the others was set aside: a scout, or the end of a stack that was lost"
        for gap in gaps
    ]


def stack_geometry(slices: list[Any]) -> tuple[tuple[float, float, float], tuple[float, ...], list[str]]:
    """Return spacing, direction (rows of a 3 x 3 matrix) and notes of sorted slices."""
    first = slices[0]
    axes = np.asarray(first.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    if (
        abs(float(axes[0] @ axes[1])) > PARALLEL
        or np.abs(np.linalg.norm(axes, axis=1) - 1.0).max() > PARALLEL
    ):
        msg = f"Image Orientation (0020,0037) is {np.round(axes, 4).tolist()}; wanted two orthogonal unit vectors."
        raise InputError(msg)
    normal = np.cross(axes[0], axes[1])
    places = np.array([one.ImagePositionPatient for one in slices], dtype=np.float64)
    along = places @ normal
    notes: list[str] = []
    if len(slices) == 1:
        edge = _thickness(first)
        notes.append(f"one slice only; its thickness of {edge:g} mm is taken from (0018,0050)")
    else:
        edge = _steps(np.diff(along), len(slices))
        sideways = np.linalg.norm(places - places[0] - np.outer(along - along[0], normal), axis=1).max()
        if sideways > GAP_FRACTION * edge:
            msg = f"Slices are shifted sideways by up to {sideways:.2f} mm (a tilted gantry): resample when exporting."
            raise InputError(msg)
    try:
        row_mm, column_mm = (float(one) for one in first.PixelSpacing)
    except (AttributeError, TypeError, ValueError) as error:
        msg = "Pixel Spacing (0028,0030) is missing: lengths and volumes cannot be told."
        raise InputError(msg) from error
    spacing = (column_mm, row_mm, edge)
    if not all(EDGE_MM[0] <= one <= EDGE_MM[1] for one in spacing):
        shown = " x ".join(f"{one:.4g}" for one in spacing)
        msg = f"Voxels of {shown} mm; wanted edges of {EDGE_MM[0]:g} to {EDGE_MM[1]:g} mm."
        raise InputError(msg)
    direction = np.column_stack([axes[0], axes[1], normal])
    return spacing, tuple(float(one) for one in direction.ravel()), notes


def lost_ends(slices: list[Any]) -> list[str]:
    """Say when a static PET tells of more slices than there are: one lost at an end leaves no gap."""
    first = slices[0]
    kind = str((first.get("SeriesType") or [""])[0]).upper()
    try:
        told = int(first.get("NumberOfSlices") or 0)
    except (TypeError, ValueError):
        return []
    # of time slots and gates it counts each alone, which are refused as one stack
    if kind not in ("STATIC", "WHOLE BODY") or told <= len(slices):
        return []
    return [
        f"Number of Slices (0054,0081) is {told}, and {len(slices)} are there: an end of the scan is missing"
    ]


def _alike(slices: list[Any], name: str) -> bool:
    """Whether numbers differ by their spelling only."""
    try:
        values = np.array([one.get(name) for one in slices], dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool(np.allclose(values, values[0], rtol=PARALLEL))


def _thickness(one: Any) -> float:
    try:
        return float(one.SliceThickness)
    except (AttributeError, TypeError, ValueError) as error:
        msg = "One slice without Slice Thickness (0018,0050): its volume cannot be told."
        raise InputError(msg) from error


def _steps(steps: npt.NDArray[np.float64], n: int) -> float:
    """Return the slice spacing, or refuse doubled and missing slices."""
    edge = float(np.median(steps))
    twice = int((steps < GAP_FRACTION * max(edge, 1e-6)).sum())
    if edge <= 0.0 or twice:
        msg = (
            f"{twice or n - 1} slices share a position with another: several frames, gates or reconstructions lie in "
            "one series. Export one of them."
        )
        raise InputError(msg)
    gaps = steps[np.abs(steps - edge) > GAP_FRACTION * edge]
    if len(gaps):
        missing = int(np.round(gaps / edge - 1.0).clip(min=0).sum())
        what = f"{missing} slices are missing" if missing else "slices are unevenly spaced"
        msg = (
            f"{what}: most lie {edge:.4g} mm apart, some {', '.join(f'{gap:.4g}' for gap in gaps[:5])} mm. A volume "
            "with a gap would shift and shrink lesions: export the series again."
        )
        raise InputError(msg)
    return float(steps.mean())
