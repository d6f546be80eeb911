"""Parameter files that are wrong, hostile or strange: read as pyradiomics would, or refused with a sentence."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridx.errors import SettingsError
from hybridx.radiomics import RadiomicsSettings

LETTERS = "abcdefghi"
TENFOLD = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in itertools.pairwise(LETTERS)
)
NESTED = "setting:\n  distances:\n" + "    - &a0 [1]\n"
NESTED += "".join(f"    - &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))


def read(folder, text):
    path = folder / "parameters.yaml"
    path.write_text(text, encoding="utf-8")
    return RadiomicsSettings.from_parameter_file(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TENFOLD, "more than 10,000 values"),
        (NESTED, "more than 10,000 values"),
        ("setting: &s\n  binWidth: *s\n", "20 floors"),
        ("&s\nsetting: *s\n", "20 floors"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("#" * 1_000_001, "at most 1,000,000"),
        ("setting: *nope\n", "undefined alias"),
        ("setting:\n  binWidth: 25\n  binWidth: 5\n", "'binWidth' is said twice"),
        ("setting:\n  binWidth: 25\nsetting:\n  binWidth: 5\n", "'setting' is said twice"),
        ("setting: {a: 1}\n---\nsetting: {}\n", "single document"),
        ("setting:\n  binWidth: \0\n", "not YAML"),
        ("", "holds None"),
        ("setting: [25]\n", r"setting holds \[25\]"),
        ("setting:\n  3: 4\n", "3 is not a name"),
        ("setting:\n  [a, b]: 4\n", "unhashable key"),
        ("imageType: Original\n", "imageType holds 'Original'"),
        ("imageType:\n  LoG: [1, 2]\n", r"LoG holds \[1, 2\]"),
        ("imageType:\n  LoG:\n    sigma: wide\n", "log_sigma_mm=.'wide',. is not a list of numbers"),
        ("imageType:\n  Wavelet:\n    wavelet: haarr\n", "Did you mean 'haar'"),
        ("featureClass: [glcm]\n", "featureClass holds"),
        ("featureClass:\n  glcm: Contrast\n", "featureClass glcm holds 'Contrast'"),
        ("featureClass:\n  glcm: [3]\n", "3 is not a name"),
        ("setting:\n  binWidth: yes\n", "bin_width=True is not a positive number"),
        ("setting:\n  binWidth: .nan\n", "bin_width=nan"),
        ("setting:\n  binWidth: 2020-01-01\n", "not a positive number"),
        ("setting:\n  distances: [[1]]\n", "not a list of numbers"),
        ("setting:\n  resegmentRange: [low, 3]\n", "neither one lower end"),
        ("setting:\n  interpolator: [1]\n", "Unknown interpolator"),
        ("setting:\n  weightingNorm: 3\n", "weighting_norm=3 is not a word"),
    ],
)
def test_refused_within_a_moment_and_in_few_words(tmp_path, text, message):
    start = time.process_time()
    with pytest.raises(SettingsError, match=message) as found:
        read(tmp_path, text)
    assert time.process_time() - start < 10.0
    assert len(str(found.value)) < 1000


@pytest.mark.parametrize("tag", ["apply:os.mkdir", "new:os.mkdir", "name:os.mkdir"])
def test_no_object_is_made(tmp_path, tag):
    made = tmp_path / "made"
    with pytest.raises(SettingsError, match="could not determine a constructor"):
        read(tmp_path, f"setting: !!python/object/{tag} ['{made}']\n")
    assert not made.exists()


def test_what_is_strange_and_sound_is_read(tmp_path):
    plain = read(tmp_path, "setting:\n  binWidth: 5\n")
    assert read(tmp_path, "\ufeffsetting:\n  binWidth: 5\n") == plain, "as an editor on Windows saves it"
    assert read(tmp_path, "x: &x 5\n".replace("x: ", "setting:\n  binWidth: ")) == plain
    assert read(tmp_path, '{"setting": {"binWidth": 5}}') == plain, "JSON is YAML"
    assert read(tmp_path, "setting:\n  <<: {binWidth: 5}\n") == plain
    assert read(tmp_path, "setting:\n  binWidth: 5\nimageType:\nfeatureClass:\n") == plain


def test_only_a_path_or_a_mapping_is_read():
    for given_ in ([], 3, None, b"x"):
        with pytest.raises(SettingsError, match="neither a path"):
            RadiomicsSettings.from_parameter_file(given_)


WORDS = """setting imageType featureClass binWidth binCount LoG sigma glcm Contrast distances resegmentRange label
Wavelet resampledPixelSpacing interpolator normalize Original shape2D"""
words = st.sampled_from(WORDS.split())
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | words
tree = st.recursive(
    values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4)
)


@given(st.dictionaries(words, tree, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_tree_of_known_words_is_read_or_refused(told):
    try:
        found = RadiomicsSettings.from_parameter_file(told)
    except SettingsError as error:
        assert len(str(error)) < 2000  # noqa: PT017
    else:
        assert found == RadiomicsSettings.from_parameter_file(told)
        assert found.hash


ODD = [
    None,
    True,
    0,
    -1,
    3,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "a",
    b"x",
    (),
    (1,),
    (1, 2),
    ("a",),
    [[1]],
    {},
]
ODD += [
    {"a": {"b": 1}},
    {"log": 3},
    object(),
    1 + 2j,
    10**400,
    10**9,
    {1, 2},
    range(3),
    (float("nan"),) * 2,
    (True,),
]


@pytest.mark.parametrize("name", RadiomicsSettings.__dataclass_fields__)
@pytest.mark.parametrize("vocabulary", ["pyradiomics", "ibsi"])
def test_a_setting_of_any_type_is_taken_or_refused(name, vocabulary):
    base = {"vocabulary": vocabulary, "bin_width": 25.0}
    base |= {"bin_origin": 0, "aggregations": ("3D_avg",)} if vocabulary == "ibsi" else {}
    refused = 0
    for value in ODD:
        try:
            made = RadiomicsSettings(**{**base, name: value})
        except SettingsError:
            refused += 1
        else:
            assert made.hash
            assert hash(made) == hash(RadiomicsSettings(**{**base, name: value}))
    assert refused > 5
