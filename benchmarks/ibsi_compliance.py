"""Every consensus value of IBSI-1 beside this engine's, as a page: writes docs/ibsi_compliance.md.

    python benchmarks/ibsi_compliance.py --data ../shared/data

The phantoms and the table of consensus values are IBSI's (digital phantom CC BY 4.0, CT phantom CC BY-NC 3.0: not
shipped). A minute at most, compiling included; a test compares the page with what it would write today.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hybridx.radiomics import RadiomicsSettings, compliance, measure_radiomics  # noqa: E402
from hybridx.radiomics.names import describe, split_tag  # noqa: E402
from tests.radiomics.ibsi_configs import CONFIGS, consensus, matches, paths  # noqa: E402
from tests.radiomics.ibsi_diagnostics import diagnostics  # noqa: E402

PAGE = ROOT / "docs" / "ibsi_compliance.md"
TITLES = {
    "digital_phantom": "digital phantom",
    **{f"config_{letter}": f"CT phantom, configuration {letter}" for letter in "ABCDE"},
}
SHORT = {"digital_phantom": "phantom", **{f"config_{letter}": letter for letter in "ABCDE"}}
INTRODUCTION = """# IBSI compliance

Written by `benchmarks/ibsi_compliance.py`; a test compares this page with what the engine gives today.

The consensus values of the Image Biomarker Standardisation Initiative (IBSI-1, doi:10.1148/radiol.2020191145) beside
the values of `RadiomicsSettings.ibsi`. A value matches when, rounded to the digits of the consensus value (at least
three), it lies within its tolerance.
"""


def measured(data: Path, config: str) -> tuple[dict[str, float], list[dict[str, str]]]:
    """Values and consensus rows of a configuration, diagnostics included."""
    image, mask = paths(data, config)
    settings = CONFIGS[config]
    values = dict(measure_radiomics(image, mask, settings, engine="hybridx").values)
    rows = consensus(data, config)
    if any(row["family"].startswith("Diagnostics") for row in rows):
        values |= diagnostics(image, mask, settings)
    return values, rows


def page(data: Path) -> str:
    """Write the page."""
    found = {config: measured(data, config) for config in CONFIGS}
    return "\n".join([INTRODUCTION, *_summary(found), *_settings(), *_values(found), *_vocabulary(), ""])


def _summary(found: dict[str, tuple[dict[str, float], list[dict[str, str]]]]) -> list[str]:
    lines = ["## Matched", "", "| configuration | features | image and masks on the way |", "|---|---|---|"]
    for config, (values, rows) in found.items():
        cells = []
        for way in (False, True):
            part = [row for row in rows if row["family"].startswith("Diagnostics") is way]
            good = sum(
                row["feature_tag"] in values and matches(values[row["feature_tag"]], row) for row in part
            )
            cells.append(f"{good} of {len(part)}" if part else "none published")
        lines.append(f"| {TITLES[config]} | {' | '.join(cells)} |")
    return [*lines, ""]


def _settings() -> list[str]:
    lines = ["## Settings", ""]
    plain = RadiomicsSettings.ibsi(families=("statistics",))
    for config, settings in CONFIGS.items():
        names = [name for name in vars(plain) if name not in ("families", "vocabulary")]
        said = [f"{n}={getattr(settings, n)!r}" for n in names if getattr(settings, n) != getattr(plain, n)]
        lines.append(f"- {TITLES[config]}: `{', '.join(said)}`")
    return [*lines, ""]


def _values(found: dict[str, tuple[dict[str, float], list[dict[str, str]]]]) -> list[str]:
    lines = [
        "## Values",
        "",
        "Ours, and the consensus value in brackets where the two differ in print; **bold** where one does not match.",
        "",
        f"| tag | IBSI id | {' | '.join(SHORT[c] for c in found)} |",
        f"|---|---|{'---|' * len(found)}",
    ]
    by_config = {c: {row["feature_tag"]: row for row in rows} for c, (_, rows) in found.items()}
    tags = dict.fromkeys(tag for rows in by_config.values() for tag in rows)
    for tag in tags:
        if all(rows[tag]["family"].startswith("Diagnostics") for rows in by_config.values() if tag in rows):
            continue
        cells = [_cell(found[c][0].get(tag), by_config[c].get(tag)) for c in found]
        lines.append(f"| `{tag}` | {describe(tag)['ibsi_id']} | {' | '.join(cells)} |")
    return [*lines, ""]


def _cell(value: float | None, row: dict[str, str] | None) -> str:
    if row is None:
        return ""
    ours = "none" if value is None else f"{value:.3g}"
    wanted = f"{float(row['reference']):.3g}"
    text = ours if ours == wanted else f"{ours} ({wanted})"
    return text if value is not None and matches(value, row) else f"**{text}**"


def _vocabulary() -> list[str]:
    lines = [
        "## pyradiomics' vocabulary",
        "",
        "How many of its 107 features are the standard's, by definition (formula, grey levels, aggregation) and with",
        "the way to the analysed voxels, from `hybridx.radiomics.compliance(settings)`, which also says why not:",
        "",
        "| settings | definition | definition and processing |",
        "|---|---|---|",
    ]
    for text, given in (
        ("bin_width=25", {"bin_width": 25}),
        ("bin_count=32", {"bin_count": 32}),
        ("bin_width=25, resample_mm=2", {"bin_width": 25, "resample_mm": 2}),
        ("bin_width=25, weighting_norm='euclidean'", {"bin_width": 25, "weighting_norm": "euclidean"}),
    ):
        table = compliance(RadiomicsSettings.pyradiomics(**given))
        lines.append(f"| `{text}` | {table['definition'].sum()} | {table['compliant'].sum()} |")
    aggregated = sum(bool(split_tag(name)[1]) for name in compliance(CONFIGS["digital_phantom"])["feature"])
    return [*lines, "", f"The standard's own tags with all aggregations: {aggregated} of texture alone."]


def main() -> None:
    """Write docs/ibsi_compliance.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    PAGE.write_text(page(parser.parse_args().data), encoding="utf-8")


if __name__ == "__main__":
    main()
