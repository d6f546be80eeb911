"""Where values come from: one key for settings, engine and content, and no word about the patient."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from hybridx.imaging import Image
from hybridx.radiomics import RadiomicsSettings, measure_radiomics, provenance
from tests.imaging.volumes import ball, noise, save

SETTINGS = RadiomicsSettings.pyradiomics(bin_width=0.5, families="firstorder")


def key(image, mask, settings=SETTINGS, **more) -> str:
    return measure_radiomics(image, mask, settings, **more).provenance["key"]


@pytest.fixture(scope="module")
def pair():
    image = noise()
    return image, ball(image, 8.0)


def changed(image: Image, **cells) -> Image:
    array = image.array.copy()
    array[cells["at"]] = cells["to"]
    return image.with_array(array)


def test_a_file_has_the_key_of_its_content_whatever_its_name_and_reader(pair, tmp_path):
    paths = [save(tmp_path, f"{name}.nii.gz", one) for one, name in zip(pair, ("image", "mask"), strict=True)]
    folder = tmp_path / "Doe_Jane"
    folder.mkdir()
    moved = [shutil.copy(path, folder / f"{i}.nii.gz") for i, path in enumerate(paths)]
    first = measure_radiomics(*paths, SETTINGS).provenance
    assert measure_radiomics(*moved, SETTINGS).provenance == first
    assert key(*(sitk.ReadImage(str(path)) for path in paths)) == first["key"]
    assert not any("Doe" in word for word in first.values())


def test_whatever_could_change_a_value_changes_the_key(pair, monkeypatch):
    image, mask = pair
    inside = tuple(np.argwhere(mask.array)[0])
    wider = [edge * 1.001 for edge in image.spacing]
    keys = [
        key(image, mask),
        key(changed(image, at=inside, to=3.25), mask),
        key(image, changed(mask, at=inside, to=0)),
        key(image, mask, dataclasses.replace(SETTINGS, bin_width=0.25)),
        key(*(dataclasses.replace(one, spacing=tuple(wider)) for one in pair)),
    ]
    labels = changed(mask.with_array(mask.array * 2), at=inside, to=3)
    keys += [key(image, labels, label=2), key(image, labels, label=3)]
    monkeypatch.setattr(provenance, "__version__", "99")
    keys.append(key(image, mask))
    monkeypatch.undo()
    # the lesion as label 2 less one voxel is the one with a voxel taken out
    assert len(set(keys)) == len(keys) - 1 and keys[2] == keys[5]
    assert key(image, mask.with_array(mask.array * 7)) == keys[0], (
        "the number that marks the lesion is no content"
    )
    assert key(image, mask, label=1) == keys[0]


def test_an_image_in_memory_keeps_its_key(pair):
    assert key(*pair) == key(*(one.to_sitk() for one in pair)) == key(*pair)
