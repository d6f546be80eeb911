"""The viewer: the recorded library and nothing else may run, volumes come back as stored, pages stay small."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
from types import SimpleNamespace

import nibabel
import numpy as np
import polars as pl
import pytest

from hybridx.cohort.images import pack
from hybridx.imaging import Image, Study
from hybridx.measure.volumes import CT_LOWEST, CT_STEP, PET_STEP, key_volumes
from hybridx.report import patient_page, write_reports
from hybridx.report.overlay import overlay_of
from hybridx.report.viewer import LIBRARY_FILE, library_code, library_record, viewer
from tests.report.reading import read
from tests.report.world import NO_IMAGES


@pytest.fixture(scope="session")
def volumes():
    z, y, x = np.mgrid[0:40, 0:50, 0:60]
    body = ((x - 30) / 25) ** 2 + ((y - 25) / 20) ** 2 < 1
    lesion = ((x - 42) / 5) ** 2 + ((y - 20) / 5) ** 2 + ((z - 15) / 6) ** 2 < 1
    pet = Image(
        (body + 8.0 * lesion).astype(np.float32),
        (4.0,) * 3,
        (-100.0, -80.0, 10.0),
        unit="g/mL{SUVbw}",
        modality="pet",
    )
    ct = Image(
        np.where(body, 40.0, -1000.0).astype(np.float32),
        (4.0,) * 3,
        (-100.0, -80.0, 10.0),
        unit="HU",
        modality="ct",
    )
    mask = Image(lesion.astype(np.uint8), (4.0,) * 3, (-100.0, -80.0, 10.0), modality="mask")
    return key_volumes(Study("P000", 1, {"pet": pet, "ct": ct}, {"pet": mask}))


@pytest.fixture(scope="session")
def with_volumes(result, volumes):
    address, content = pack(volumes)
    (result.cohort.folder / "images" / f"{address}.npz").write_bytes(content)
    row = pl.DataFrame({"patient_id": ["P000"], "kind": ["volumes"], "address": [address], "day": [-5.0]})
    images = pl.concat([result.cohort.tables["images"], row])
    cohort = dataclasses.replace(result.cohort, tables={**result.cohort.tables, "images": images})
    return dataclasses.replace(result, cohort=cohort, _known={})


def _policy(page):
    found = next(a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    return found["content"]


def _volume(html, name):
    text = re.search(rf'<template data-volume="{name}">([^<]*)</template>', html).group(1)
    return gzip.decompress(base64.b64decode(text))


def test_library_is_the_recorded_one_with_its_licence():
    from importlib import resources

    record = library_record()
    assert hashlib.sha256(library_code()).hexdigest() == record["sha256"]
    assert record["version"] in record["file"] and record["licence"] == "BSD-2-Clause"
    licence = (
        resources.files("hybridx.report").joinpath("vendor/LICENSE-niivue.txt").read_text(encoding="utf-8")
    )
    assert "BSD 2-Clause" in licence and "Niivue" in licence
    assert b"eval(" not in library_code() and b"new Function" not in library_code()


def test_only_the_two_texts_may_run(with_volumes):
    html = patient_page(with_volumes, patient="P000").html
    page = read(html)
    assert not page.faults
    assert len(page.all("script")) == 1 and "src" not in page.all("script")[0]
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    allowed = re.findall(r"'sha256-([^']*)'", _policy(page))
    for code in (script.encode(), _volume(html, "library")):
        assert base64.b64encode(hashlib.sha256(code).digest()).decode() in allowed
    assert len(allowed) == 2
    assert not re.search(
        r"unsafe-eval|script-src[^;]*(unsafe-inline|\*|http|blob|'self')|connect-src", _policy(page)
    )
    assert len(html.encode()) < 8_000_000
    assert "http://www.w3.org" in html and not re.search(
        r"https?://(?!www\.w3\.org)", html.partition("<template")[0]
    )


def test_page_without_volumes_has_no_script(with_volumes):
    page = read(patient_page(with_volumes, patient=NO_IMAGES).html)
    assert not page.all("script") and "script-src" not in _policy(page)


def test_volumes_come_back_with_their_values_and_place(with_volumes, volumes):
    html = patient_page(with_volumes, patient="P000").html
    for name, slope, low in (("pet", PET_STEP, 0.0), ("ct", CT_STEP, CT_LOWEST), ("mask", 1.0, 0.0)):
        image = nibabel.Nifti1Image.from_bytes(_volume(html, name))
        np.testing.assert_allclose(image.get_fdata(), volumes[name].T * slope + low, atol=1e-4)
        np.testing.assert_allclose(image.affine[:3, 3], volumes["origin"] * [-1, -1, 1], atol=1e-4)
        assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    settings = json.loads(next(a["data-settings"] for t, a in read(html).elements if a.get("id") == "viewer"))
    inside = image.affine @ np.append(np.argwhere(volumes["mask"].T > 0).mean(axis=0), 1)
    np.testing.assert_allclose(settings["point"], inside[:3], atol=25)
    assert np.frombuffer(_volume(html, "turns"), np.uint8).size == np.prod(settings["turns"]["shape"])


def test_what_is_missing_is_left_out(volumes):
    only = viewer({k: v for k, v in volumes.items() if k not in ("pet", "pet_turns", "mask")})
    assert only["kinds"] == ["ct"] and not only["turns"] and not only["outlined"]
    assert viewer({"mask": volumes["mask"]}) is None


def test_too_large_volumes_are_not_put_into_a_page(volumes):
    noise = np.random.default_rng(0).integers(0, 30_000, (140, 140, 140)).astype(np.int16)
    assert (
        viewer({**volumes, "pet": noise, "ct": noise.astype(np.uint8), "mask": noise.astype(np.uint8) % 2})
        is None
    )


def test_every_control_has_a_label_and_every_canvas_a_name(with_volumes):
    page = read(patient_page(with_volumes, patient="P000").html)
    assert all(c.get("aria-label") for c in page.all("canvas")) and len(page.all("canvas")) == 4
    labels = re.findall(
        r"<label[^>]*>(.*?)</label>", patient_page(with_volumes, patient="P000").html, re.DOTALL
    )
    for control in page.all("input") + page.all("select"):
        assert any(f'id="{control["id"]}"' in label for label in labels)


def test_saliency_is_laid_on_the_same_grid(volumes):
    array = np.zeros((40, 50, 60), np.float32)
    array[15, 20, 42], array[30, 25, 30] = 0.4, -0.1
    maps = {"pet": Image(array, (4.0,) * 3, (-100.0, -80.0, 10.0), modality="map")}
    overlay = overlay_of([SimpleNamespace(maps=maps, scale="log-hazard")], volumes)
    found = viewer(volumes, overlay=overlay)
    laid = nibabel.Nifti1Image.from_bytes(
        gzip.decompress(base64.b64decode(dict(found["data"])["saliency-pet"]))
    )
    values = laid.get_fdata()
    hottest = laid.affine @ np.append(np.unravel_index(values.argmax(), values.shape), 1)
    np.testing.assert_allclose(hottest[:3], [-68.0, 0.0, 70.0], atol=2.1)
    assert values.min() < 0 < values.max() <= 100


def test_batch_shares_one_library(with_volumes, tmp_path):
    write_reports(with_volumes, tmp_path / "shared", patients=["P000"], progress=False)
    page = (tmp_path / "shared/pages/P000.html").read_text(encoding="utf-8")
    assert (tmp_path / "shared" / LIBRARY_FILE).read_bytes() == library_code()
    assert 'data-volume="library"' not in page and f"../{LIBRARY_FILE}" in page
    assert "'self'" in _policy(read(page))
    write_reports(with_volumes, tmp_path / "single", patients=["P000"], progress=False, single_file=True)
    page = (tmp_path / "single/pages/P000.html").read_text(encoding="utf-8")
    assert 'data-volume="library"' in page and "'self'" not in _policy(read(page))
    assert not (tmp_path / "single" / LIBRARY_FILE).exists()
