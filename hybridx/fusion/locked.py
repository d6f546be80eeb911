"""A locked model: a fitted model on disk, ready for new patients, with the warnings it deserves.

A folder: ``model.json`` (what it is, what it needs, what it was trained on, hashes), ``model.skops``, and
``support.skops``, which knows how far out among the training patients a new one lies, modality by modality.
Loading never unpickles: skops rebuilds only the types of a fixed list, and refuses a file that asks for others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridx.cohort import Cohort
from hybridx.compute import atomic_folder
from hybridx.compute.manifest import read_manifest
from hybridx.errors import InputError
from hybridx.fusion.base import FusionModel
from hybridx.fusion.lockable import check_lockable, input_measured, input_modalities, without_patients
from hybridx.fusion.newcomers import check_units, far_values, frame_for
from hybridx.fusion.support import SupportDetector, far_out
from hybridx.fusion.training_rows import MET, met_in_training
from hybridx.fusion.trusted import read_trusted, write_trusted
from hybridx.prepare import PreparedModel

__all__ = ["LockedModel"]

FloatArray = npt.NDArray[np.float64]

SCHEMA_VERSION = 1
RARE_PATTERN = 10  # training patients below which a pattern of modalities deserves a warning


@dataclass(frozen=True)
class LockedModel:
    """A fitted fusion model that no longer changes, and what is known of its training.

    Parameters
    ----------
    model : FusionModel, or PreparedModel that ends in one
        Fitted.
    manifest : mapping
        Endpoint, modalities and columns with units, training counts and ranges, provenance, versions.
    support : mapping of modality to SupportDetector
        Of the modalities that 20 training patients or more have.

    Examples
    --------
    >>> locked = LockedModel.load("model/")           # doctest: +SKIP
    >>> locked.predict(cohort, times=[365, 730])      # doctest: +SKIP
    """

    model: FusionModel | PreparedModel
    manifest: Mapping[str, Any]
    support: Mapping[str, SupportDetector] = field(default_factory=dict)

    def __repr__(self) -> str:
        m = self.manifest
        happened = {"survival": "events", "response": "responders"}.get(m["kind"], "known outcomes")
        return (
            f"LockedModel({m['model']} for {m['endpoint']}: {', '.join(m['modalities'])}; "
            f"trained on {m['n_patients']} patients, {m['n_events']} {happened})"
        )

    def predict(self, cohort: Cohort, times: Sequence[float] = ()) -> pl.DataFrame:
        """Predict new patients.

        What was measured after the day from which the model's times count is not looked at.

        Parameters
        ----------
        cohort : Cohort
            Modalities may be missing whole. Single columns may, too (nobody in the cohort has that value): they are
            imputed as in training, with a warning.
        times : sequence of float
            Days at which to give the survival probability (survival models); null after the last follow-up of the
            training patients, where nothing is known.

        Returns
        -------
        polars.DataFrame
            `patient_id`; `risk` and ``survival_<days>d``, `probability` of response, ``probability_<level>`` of each
            level, or the `predicted` value; `measured`; `warnings`.
            Null where the patient has none of the model's modalities.

        Raises
        ------
        InputError
            A modality is there with none of the model's columns, or a column comes in another unit than in training.
        """
        check_units(self.manifest, cohort)
        frame, doubts = frame_for(self.model, self.manifest, cohort)
        columns: dict[str, Any] = {"patient_id": list(cohort.patients)}
        if self.model.endpoint == "survival":
            columns["risk"] = self.model.predict(frame)
            if len(times):
                curves = self.model.predict_survival(frame, times)
                curves[:, np.asarray(times, dtype=np.float64) > self._last_day] = np.nan
                columns |= {f"survival_{t:g}d": curves[:, i] for i, t in enumerate(times)}
        elif self.model.endpoint == "ordinal":
            chances = self.model.predict_proba(frame)
            names = self.manifest["levels"]
            columns |= {f"probability_{name}": chances[:, k] for k, name in enumerate(names)}
        elif self.model.endpoint == "continuous":
            columns["predicted"] = self.model.predict(frame)
        else:
            columns["probability"] = self.model.predict_proba(frame)[:, 1]
        measured = input_measured(self.model, frame)
        modalities = np.array(input_modalities(self.model))
        columns["measured"] = [", ".join(modalities[row]) for row in measured]
        columns["warnings"] = self._warnings(frame, measured, doubts, times)
        return pl.DataFrame(columns, strict=False).with_columns(pl.selectors.float().fill_nan(None))

    @property
    def _last_day(self) -> float:
        return float(self.manifest.get("last_day") or np.inf)

    def _warnings(
        self,
        frame: pl.DataFrame,
        measured: npt.NDArray[np.bool_],
        doubts: Sequence[tuple[str, pl.Series]],
        times: Sequence[float],
    ) -> list[str]:
        support = {tuple(p["measured"]): p["patients"] for p in self.manifest["patterns"]}
        found: list[list[str]] = [[] for _ in range(frame.height)]
        names = input_modalities(self.model)
        for row, flags in enumerate(measured):
            seen = [name for name, flag in zip(names, flags, strict=True) if flag]
            n = support.get(tuple(seen), 0)
            if not seen:
                found[row].append("none of the model's modalities is measured: no prediction")
            elif n < RARE_PATTERN:
                who = {0: "no training patient", 1: "only 1 training patient"}.get(
                    n, f"only {n} training patients"
                )
                found[row].append(f"{who} had just {', '.join(seen)}")
        if any(t > self._last_day for t in times):
            text = f"no survival after day {self._last_day:g}, the last follow-up in training"
            doubts = [*doubts, (text, pl.Series(measured.any(axis=1)))]
        doubts = [(MET, pl.Series(met_in_training(self.manifest, frame))), *doubts]
        for text, rows in doubts:
            for row in np.flatnonzero(rows.to_numpy()):
                found[row].append(text)
        for name, flags in zip(names, measured.T, strict=True):
            for row, text in far_values(self.manifest, frame, name, np.flatnonzero(flags)):
                found[row].append(text)
            if name in self.support:
                for row, text in far_out(self.support[name], frame, np.flatnonzero(flags)):
                    found[row].append(text)
        return ["; ".join(texts) for texts in found]

    def save(self, folder: str | Path) -> Path:
        """Write the files; whole or not at all."""
        folder = Path(folder)
        slim = without_patients(self.model)
        with atomic_folder(folder, replace_if="model.json") as new:
            content, support = write_trusted(slim), write_trusted(dict(self.support))
            (new / "model.skops").write_bytes(content)
            (new / "support.skops").write_bytes(support)
            manifest = {
                **self.manifest,
                "sha256": hashlib.sha256(content).hexdigest(),
                "support_sha256": hashlib.sha256(support).hexdigest(),
            }
            (new / "model.json").write_text(
                json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8"
            )
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> LockedModel:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            No model there, another schema version, a changed file, or types outside the fixed list.
        """
        folder = Path(folder)
        path = folder / "model.json"
        if not path.is_file() or not (folder / "model.skops").is_file():
            msg = f"{str(folder)!r} holds no locked model (model.json and model.skops). Make one with `hybridx fit`."
            raise InputError(msg)
        manifest = read_manifest(path, SCHEMA_VERSION, "model")
        model = read_trusted(folder / "model.skops", manifest.get("sha256"))
        check_lockable(model)
        if "support_sha256" not in manifest:  # locked before detectors travelled along
            return cls(model, manifest)
        support = read_trusted(folder / "support.skops", manifest["support_sha256"])
        return cls(model, manifest, support)
