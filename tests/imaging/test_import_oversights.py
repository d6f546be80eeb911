"""What a hospital's export holds that is easily overlooked: each is used, or said."""

import numpy as np
import polars as pl
import pydicom
import pytest

from hybridx.demo.dicom_writing import write_series, write_structures
from hybridx.errors import InputError
from hybridx.imaging import Image, import_dicom
from hybridx.imaging.dicom_series import read_series
from tests.imaging.test_import import QUIET, edit, small, visit


def drawn_on(image, paths, path, seen):
    mask = Image(np.ones(image.array.shape, np.uint8), image.spacing, image.origin, modality="mask")
    return write_structures({"GTV": mask}, paths, path, seen)


def test_a_structure_set_in_a_study_of_its_own_is_found(tmp_path):
    """Planning systems send contours back under a new study."""
    image = small("ct")
    paths = write_series(image, tmp_path / "in" / "ct", visit())
    later = write_series(image, tmp_path / "in" / "later", visit(seed="later"))
    edit(later, range(6), StudyDate="20240301")
    path = drawn_on(image, paths, tmp_path / "in" / "rs", visit())
    edit([path], 0, StudyInstanceUID="1.2.3.4.5", SeriesInstanceUID="1.2.3.4.6")
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    # on the study whose frame of reference it names, and on no other
    assert [row["mask"] is not None for row in done.studies.sort("timepoint").to_dicts()] == [True, False]
    assert done.facts["notes"].to_list() == ["", ""]


def test_a_structure_set_without_images_and_one_on_other_images_are_said(tmp_path):
    image = small("ct")
    paths = write_series(image, tmp_path / "in" / "ct", visit())
    drawn_on(image, paths, tmp_path / "in" / "lonely", visit(patient_id="nobody", seed="nobody"))
    own = drawn_on(image, paths, tmp_path / "in" / "rs", visit(seed="elsewhere"))
    edit([own], 0, StudyInstanceUID=pydicom.dcmread(paths[0]).StudyInstanceUID)
    for path in paths:  # nor drawn on these slices
        edit([path], 0, SOPInstanceUID=f"1.2.3.{paths.index(path) + 1}")
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert dict(done.left_out.iter_rows()) == {
        "a structure set or segmentation whose patient has no images here": 1
    }
    assert "refer neither to this image" in done.facts["notes"][0]


def test_structures_alone_are_nothing_to_import(tmp_path):
    image = small("ct")
    paths = write_series(image, tmp_path / "ct", visit())
    drawn_on(image, paths, tmp_path / "in" / "rs", visit())
    with pytest.raises(InputError, match="no DICOM series"):
        import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)


def test_a_study_of_which_nothing_can_be_read_is_a_failure(tmp_path):
    write_series(small("pet", (1, 6, 7)), tmp_path / "in" / "pet", visit())
    done = import_dicom(tmp_path / "in", tmp_path / "out", **QUIET)
    assert "no series of the study can be used (PT: a single slice)" in done.failures["reason"][0]
    listed = pl.read_csv(tmp_path / "out" / "import" / "series.csv")
    listed.with_columns(use=pl.lit("no")).write_csv(tmp_path / "choices.csv")
    asked = import_dicom(tmp_path / "in", tmp_path / "out", choices=tmp_path / "choices.csv", **QUIET)
    assert asked.failures.height == 0  # it was the user's wish


@pytest.mark.parametrize("lost", [[0], [5], [0, 5], []])
def test_slices_lost_at_an_end_are_said(tmp_path, lost):
    paths = write_series(small("pet"), tmp_path, visit())
    found = read_series([one for index, one in enumerate(paths) if index not in lost])
    said = [note for note in found.notes if "an end of the scan is missing" in note]
    assert len(said) == bool(lost)
    if lost:
        assert f"is 6, and {6 - len(lost)} are there" in said[0]


def test_a_header_that_lies_about_its_matrix_costs_no_memory(tmp_path):
    paths = write_series(small("ct"), tmp_path, visit())
    edit(paths, range(6), Rows=60_000, Columns=60_000)
    with pytest.raises(InputError, match="cannot be read"):
        read_series(paths)
