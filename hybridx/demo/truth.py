"""`DemoTruth`: what is really so in a synthetic cohort, kept apart from its data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridx.errors import InputError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from hybridx.cohort import Cohort

__all__ = ["TRUTH_VERSION", "DemoTruth", "truth_folder"]

TRUTH_VERSION = 2  # raised whenever the same seed would give another cohort


@dataclass(frozen=True, eq=False)
class DemoTruth:
    """The hidden side of a synthetic cohort: nothing here may be read by a model, everything may judge one.

    Parameters
    ----------
    folder : Path
        The data folder.
    patients, seed, version : int
        What it was made with.
    shares : polars.DataFrame
        One row per patient and endpoint: ``patient_id``, ``endpoint``, one column per modality, ``total``. For
        ``OS`` and ``PFS`` log-hazards (higher is worse); for ``response`` log-odds of responding (higher is better).
    latent : polars.DataFrame
        One row per patient: ``patient_id`` and every hidden property that carries risk.
    oracle_c : mapping of str to mapping
        Per endpoint: ``all`` (concordance of the true total with what was observed), ``measured`` (of the shares
        of those modalities that the patient really has), and each modality alone. For ``response`` the area
        under the ROC curve.
    coefficients : mapping of str to mapping
        Per endpoint: weight of each hidden property.
    counts : mapping of str to int
        Patients, events and missing modalities.
    images : bool
        Whether PET and CT were drawn.
    """

    folder: Path
    patients: int
    seed: int
    version: int
    shares: pl.DataFrame
    latent: pl.DataFrame
    oracle_c: Mapping[str, Mapping[str, float]]
    coefficients: Mapping[str, Mapping[str, float]]
    counts: Mapping[str, int]
    images: bool = True

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> DemoTruth:
        """Read the truth of a demo, given its data folder or the truth folder beside it.

        Raises
        ------
        InputError
            There is none, or another version of the library wrote it.
        """
        base = Path(folder)
        place = base if (base / "truth.json").is_file() else truth_folder(base)
        if not (place / "truth.json").is_file():
            msg = f"There is no truth of a demo cohort at {str(place)!r}. Make one with make_cohort({str(base)!r})."
            raise InputError(msg)
        facts = json.loads((place / "truth.json").read_text(encoding="utf-8"))
        if facts.get("version") != TRUTH_VERSION:
            msg = (
                f"{str(place / 'truth.json')!r} is of version {facts.get('version')!r}; this library reads "
                f"{TRUTH_VERSION}. Make the cohort again."
            )
            raise InputError(msg)
        return cls(
            folder=place.with_name(place.name.removesuffix("_truth")),
            patients=facts["patients"],
            seed=facts["seed"],
            version=facts["version"],
            shares=pl.read_parquet(place / "truth.parquet"),
            latent=pl.read_parquet(place / "latent.parquet"),
            oracle_c=facts["oracle_c"],
            coefficients=facts["coefficients"],
            counts=facts["counts"],
            images=facts.get("images", True),
        )

    def write(self, folder: Path) -> None:
        """Write the truth into an existing folder."""
        facts: dict[str, Any] = {
            "note": "SYNTHETIC. The truth behind a demo cohort: for judging models, never for fitting them.",
            "version": self.version,
            "seed": self.seed,
            "images": self.images,
            "patients": self.patients,
            "counts": dict(self.counts),
            "oracle_c": {endpoint: dict(values) for endpoint, values in self.oracle_c.items()},
            "coefficients": {endpoint: dict(values) for endpoint, values in self.coefficients.items()},
        }
        self.shares.write_parquet(folder / "truth.parquet")
        self.latent.write_parquet(folder / "latent.parquet")
        text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / "truth.json").write_text(text + "\n", encoding="utf-8")

    def recovered(
        self, cohort: Cohort, contributions: Mapping[str, pl.DataFrame], endpoint: str = "OS"
    ) -> pl.DataFrame:
        """Hold what models say each modality adds to a patient's risk against what it truly adds.

        Parameters
        ----------
        cohort : Cohort
            Of this demo: says who has which modality.
        contributions : mapping of model name to polars.DataFrame
            `patient_id` and one column per modality, as in ``Explanation.modalities``.
        endpoint : {"OS", "PFS", "response"}
            Of the models.

        Returns
        -------
        polars.DataFrame
            See `hybridx.demo.recovery.recovered`.
        """
        from hybridx.demo.recovery import recovered  # noqa: PLC0415 - needed where a truth is compared only

        return recovered(self.shares.filter(pl.col("endpoint") == endpoint), cohort.measured, contributions)

    def figure_recovered(
        self, cohort: Cohort, contributions: Mapping[str, pl.DataFrame], endpoint: str = "OS"
    ) -> Figure:
        """Draw `recovered`: how far each modality truly moves the risk, and how far each model lets it."""
        from hybridx.demo.recovery import figure_recovered  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figure_recovered(self.recovered(cohort, contributions, endpoint), endpoint)

    def __repr__(self) -> str:
        c = ", ".join(f"{endpoint} {values['all']:.3f}" for endpoint, values in self.oracle_c.items())
        return f"DemoTruth({self.patients} SYNTHETIC patients, seed {self.seed}; oracle: {c})"


def truth_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the folder beside a demo's data folder that holds its truth."""
    base = Path(folder)
    return base.with_name(f"{base.name}_truth")
