"""What the checks of images say (I001, I002, ...), in the page's language: fixed sentences with the values found."""

from __future__ import annotations

import re

from hybridx.imaging.faults import CATALOGUE
from hybridx.report.language import language, say

__all__ = ["SEEN", "spoken_fault"]

# What was found, where it is a sentence and not only a value: pattern, and the sentence of the catalogue.
SEEN = (
    (r"(?P<n>\d+) voxel", "{n} voxel"),
    (r"the CT covers (?P<share>\S+) of the PET's length", "the CT covers {share} of the PET's length"),
    (
        r"the body's outline on PET lies (?P<n>\S+) mm from that on CT \((?P<where>.*)\)",
        "the body's outline on PET lies {n} mm from that on CT ({where})",
    ),
    (
        r"the body's outlines on PET and CT share a Dice of (?P<dice>\S+) only",
        "the body's outlines on PET and CT share a Dice of {dice} only",
    ),
    (r"air around the body is at (?P<n>\S+) HU", "air around the body is at {n} HU"),
    (r"the body's median uptake is SUV (?P<n>\S+)", "the body's median uptake is SUV {n}"),
    (r"(?P<share>\S+) of the mask lies outside the body", "{share} of the mask lies outside the body"),
    (
        r"(?P<kept>\S+) mL on the image's grid of (?P<drawn>\S+) mL that were drawn",
        "{kept} mL on the image's grid of {drawn} mL that were drawn",
    ),
    (
        r"neither liver_label nor blood_pool_label is given",
        "neither liver_label nor blood_pool_label is given",
    ),
    (r"no voxel of label (?P<label>.+)", "no voxel of label {label}"),
    (r"no voxel inside after resampling to the image", "no voxel inside after resampling to the image"),
    (r"every voxel inside", "every voxel inside"),
    (r"(?P<name>.+): every voxel is 0", "{name}: every voxel is 0"),
    (r"no image named", "no image named"),
    (r"no mask named", "no mask named"),
)
_CODED = re.compile(r"(?P<code>I\d{3}) (?P<column>\w+): (?P<rest>.*)", flags=re.DOTALL)


def spoken_fault(text: str) -> tuple[str, str]:
    """Return what a check of images said, and the language that it is in: the page's, or English as it stands.

    Examples
    --------
    >>> spoken_fault("The file is cut short.")
    ('The file is cut short.', 'en')
    """
    if language() == "en" or "\n" in text:
        return text, "en"
    coded = _CODED.fullmatch(text)
    if coded is None or coded["code"] not in CATALOGUE:
        return text, "en"
    _, expected, hint = CATALOGUE[coded["code"]]
    parts = re.fullmatch(
        rf"(?P<seen>.*); wanted {re.escape(expected)}(?P<against>: .*)?\. {re.escape(hint)}",
        coded["rest"],
        flags=re.DOTALL,
    )
    if parts is None:  # of a version whose catalogue said it otherwise
        return text, "en"
    column, against = coded["column"], parts["against"] or ""
    told = say("{seen}; wanted: {expected}", seen=_seen(parts["seen"]), expected=say(expected))
    return f"{coded['code']} {column}: {told}{against}. {say(hint)}", language()


def _seen(value: str) -> str:
    for pattern, sentence in SEEN:
        found = re.fullmatch(pattern, value)
        if found:
            return say(sentence, **found.groupdict())
    return value
