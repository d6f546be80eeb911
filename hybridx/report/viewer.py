"""The viewer of a patient's page: PET, CT, fused and projections that one scrolls and windows, offline, on request.

The pictures of the page stand without it. Its library (NiiVue, kept in ``vendor``) comes compressed inside the page, or
beside the pages of a batch; the page's content policy lets two texts run, each by its hash, and nothing else. Beside a
batch it is the folder's own scripts that may run instead of the library's hash: browsers check no hash of a file.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from hybridx.measure.volumes import CT_LOWEST, CT_STEP, PET_STEP
from hybridx.report.overlay import OPACITY, Overlay, veil
from hybridx.report.views import CT_WINDOW, SUV_CEILING

__all__ = ["LIBRARY_FILE", "library_code", "library_record", "viewer"]

CT_WINDOWS = {
    "soft tissue": CT_WINDOW,
    "lung": (-1350.0, 150.0),
    "bone": (-200.0, 1000.0),
    "liver": (-20.0, 140.0),
}
_FOLDER = "vendor"
_STEPS = 100  # of a saliency map, to either side; the library squares the share of it to get the opacity
_LARGEST = 5_500_000  # bytes of packed volumes; with the library and the page this stays below 8 MB

Array = npt.NDArray[np.generic]


@functools.cache
def library_record() -> dict[str, str]:
    """Return name, version, licence, source and hash of the viewer library that is shipped."""
    text = resources.files("hybridx.report").joinpath(f"{_FOLDER}/niivue.json").read_text(encoding="utf-8")
    record: dict[str, str] = json.loads(text)
    return record


LIBRARY_FILE = "viewer/niivue.umd.js"  # beside the pages of a batch


@functools.cache
def _packed_library() -> bytes:
    file = library_record()["file"]
    return resources.files("hybridx.report").joinpath(f"{_FOLDER}/{file}").read_bytes()


@functools.cache
def library_code() -> bytes:
    """Return the library as it runs, after its hash was checked.

    Raises
    ------
    ValueError
        The file is not the recorded one.
    """
    code = gzip.decompress(_packed_library())
    if hashlib.sha256(code).hexdigest() != library_record()["sha256"]:
        msg = (
            f"{library_record()['file']} is not the viewer library that was recorded. Install hybridx again."
        )
        raise ValueError(msg)
    return code


@functools.cache
def _script() -> str:
    return resources.files("hybridx.report").joinpath("templates/viewer.js").read_text(encoding="utf-8")


def _digest(code: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code).digest()).decode()}'"


@functools.cache
def _policy(shared: bool) -> str:  # noqa: FBT001 - cached by it
    library = "'self'" if shared else _digest(library_code())
    return f"; script-src {_digest(_script().encode())} {library}"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _packed(content: bytes) -> str:
    return _text(gzip.compress(content, 6, mtime=0))


def _nifti(array: Array, spacing: Array, origin: Array, slope: float = 1.0, intercept: float = 0.0) -> str:
    """Write a z, y, x array as a NIfTI-1 file; the viewer counts from the patient's left and back, we to them."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape[::-1])
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = [-origin[0], -origin[1], origin[2]]
    header.set_sform(affine, code=1)
    header.set_qform(affine, code=1)
    header.set_xyzt_units("mm")
    header["vox_offset"], header["magic"] = 352, b"n+1"
    header["scl_slope"], header["scl_inter"] = slope, intercept
    return _packed(header.binaryblock + bytes(4) + np.ascontiguousarray(array).tobytes())


def _point(volumes: Mapping[str, Array]) -> tuple[list[float], float]:
    """Return where the viewer opens (RAS, mm: the lesion's hottest voxel) and the upper end of its PET scale."""
    shape = next(volumes[name].shape for name in ("pet", "ct") if name in volumes)
    inside = (
        volumes["mask"] > 0 if "mask" in volumes and volumes["mask"].any() else np.ones(shape, dtype=bool)
    )
    if "pet" in volumes:
        place = np.unravel_index(int(np.where(inside, volumes["pet"], -1).argmax()), shape)
        hottest = float(volumes["pet"][place]) * PET_STEP
    else:
        place, hottest = tuple(np.argwhere(inside).mean(axis=0)), SUV_CEILING
    at = np.asarray(volumes["origin"], float) + np.asarray(place[::-1], float) * np.asarray(
        volumes["spacing"], float
    )
    return [round(float(v), 2) for v in (-at[0], -at[1], at[2])], min(
        SUV_CEILING, max(4.0, math.ceil(hottest))
    )


def _saliency(overlay: Overlay, volumes: Mapping[str, Array]) -> dict[str, str]:
    """Write the maps of an overlay as what the viewer squares to get the opacity: root of contribution and scale."""
    spacing, origin = (np.asarray(volumes[n], dtype=float) for n in ("spacing", "origin"))
    return {
        name: _nifti(np.rint(_STEPS * _root(overlay.share(name))).astype(np.int16), spacing, origin)
        for name in overlay.maps
    }


def _root(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sign(share) * np.sqrt(OPACITY * np.abs(share))


def viewer(
    volumes: Mapping[str, Array], *, overlay: Overlay | None = None, library: str = ""
) -> dict[str, Any] | None:
    """Return what the viewer of a page needs; None when no volumes are stored or they are too large for a page.

    Parameters
    ----------
    volumes : mapping of str to ndarray
        What ``cohort.load_images(patient, "volumes")`` gives; see `hybridx.measure.key_volumes`.
    overlay : Overlay, optional
        Maps to be laid over the images: each picture gets that of its image, the fused one their sum.
    library : str
        Relative address of the library beside the page; empty: it stands inside the page.

    Returns
    -------
    dict
        ``settings`` (JSON), ``data`` (name and base64 text), ``script``, ``policy``, and what the controls need.
    """
    if not {"pet", "ct"} & volumes.keys():
        return None
    spacing, origin = volumes["spacing"], volumes["origin"]
    data: dict[str, str] = {}
    if "pet" in volumes:
        data["pet"] = _nifti(volumes["pet"], spacing, origin, PET_STEP)
    if "ct" in volumes:
        data["ct"] = _nifti(volumes["ct"], spacing, origin, CT_STEP, CT_LOWEST)
    if "mask" in volumes and volumes["mask"].any():
        data["mask"] = _nifti(volumes["mask"], spacing, origin)
    point, ceiling = _point(volumes)
    settings: dict[str, Any] = {
        "window": CT_WINDOW, "ceiling": ceiling, "point": point, "saliency": {}, "saliency_top": _STEPS,
        "veils": {name: veil(name) for name in ("raises", "lowers")}, "library": library,
    }  # fmt: skip
    if "pet_turns" in volumes:
        data["turns"] = _packed(np.ascontiguousarray(volumes["pet_turns"]).tobytes())
        settings["turns"] = {
            "shape": list(volumes["pet_turns"].shape),
            "ceiling": round(float(volumes["turns_ceiling"]), 3),
            "spacing": [float(s) for s in volumes["turns_spacing"]],
            "top": round(float(volumes["turns_top"]), 2),
        }
    kinds = [n for n, there in (("ct", "ct" in volumes), ("pet", "pet" in volumes)) if there]
    if overlay is not None:
        maps = _saliency(overlay, volumes)
        wanted = {"fused": "all", "pet": "pet", "ct": "ct"} if len(kinds) == 2 else {kinds[0]: "all"}
        settings["saliency"] = {kind: name for kind, name in wanted.items() if name in maps}
        data |= {f"saliency-{name}": maps[name] for name in settings["saliency"].values()}
    if sum(map(len, data.values())) > _LARGEST:
        return None
    if not library:
        data["library"] = _text(_packed_library())
    return {
        "settings": json.dumps(settings),
        "data": list(data.items()),
        "script": _script(),
        "policy": _policy(bool(library)),
        "kinds": kinds + (["fused"] if len(kinds) == 2 else []),
        "windows": CT_WINDOWS,
        "ceiling": ceiling,
        "highest": max(20, math.ceil(ceiling)),
        "turns": settings.get("turns"),
        "outlined": "mask" in data,
        "step_mm": float(spacing[0]),
        "library": library_record(),
    }
