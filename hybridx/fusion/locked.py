"""A locked model: a fitted model on disk, ready for new patients, with the warnings it deserves.

A folder: ``model.json`` (what it is, what it needs, what it was trained on, hashes), ``model.skops``, and
``support.skops``, which knows how far out among the training patients a new one lies, modality by modality.
Loading never unpickles: skops rebuilds only the types of a fixed list, and refuses a file that asks for others.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import skops.io

from hybridx.cohort import Cohort, Outcome
from hybridx.cohort.columns import measured_mask, to_frame, to_matrix
from hybridx.compute import atomic_folder
from hybridx.compute.manifest import read_manifest
from hybridx.errors import InputError
from hybridx.fusion.base import FusionModel
from hybridx.fusion.drift import fingerprint, moments_of
from hybridx.fusion.lockable import check_lockable, input_measured, input_modalities, without_patients
from hybridx.fusion.newcomers import check_units, extraction, far_values, frame_for
from hybridx.fusion.support import SupportDetector, far_out, support_detectors
from hybridx.fusion.training_rows import MET, marks_of, met_in_training
from hybridx.prepare import PreparedModel
from hybridx.prepare.limits import range_limits
from hybridx.terms.text import listing

__all__ = ["LockedModel", "lock"]

FloatArray = npt.NDArray[np.float64]

SCHEMA_VERSION = 1
RARE_PATTERN = 10  # training patients below which a pattern of modalities deserves a warning

# Whatever a saved model may be made of, beyond numpy, scipy and scikit-learn types that skops knows itself.
TRUSTED = (
    "hybridx.fusion.block.BlockPenalizedFusion",
    "hybridx.fusion.consensus.ConsensusFusion",
    "hybridx.fusion.early.EarlyFusion",
    "hybridx.fusion.evidence.EvidenceFit",
    "hybridx.fusion.feature_maps.FeatureMap",
    "hybridx.fusion.gated.GatedFusion",
    "hybridx.fusion.gated_combining.Combination",
    "hybridx.fusion.gated_inputs.BlockInput",
    "hybridx.fusion.image_context.TableContext",
    "hybridx.fusion.image_model.ImageFusion",
    "hybridx.fusion.image_term.ImageTerm",
    "hybridx.fusion.kernel.KernelFusion",
    "hybridx.fusion.late.LateFusion",
    "hybridx.fusion.recalibration.Recalibration",
    "hybridx.fusion.support.SupportDetector",
    "hybridx.models.aalen_johansen.AalenJohansen",
    "hybridx.models.aft_baseline.AFTBaseline",
    "hybridx.models.baseline.BreslowBaseline",
    "hybridx.models.competing.CompetingRisks",
    "hybridx.models.continuous.ContinuousModel",
    "hybridx.models.cox_regression.CoxRegression",
    "hybridx.models.forest_response.ForestResponse",
    "hybridx.models.ordinal.OrdinalModel",
    "hybridx.models.ridge_models.CoxRidge",
    "hybridx.models.ridge_models.LogisticModel",
    "hybridx.models.sksurv_boosting.GradientBoostedCox",
    "hybridx.models.sksurv_elastic_net.CoxElasticNet",
    "hybridx.models.sksurv_forest.SurvivalForest",
    "hybridx.models.sksurv_svm.SurvivalSVM",
    "hybridx.models.weibull_aft.WeibullAFT",
    "hybridx.models.xgboost_aft.XGBoostAFT",
    "hybridx.models.xgboost_models.XGBoostContinuous",
    "hybridx.models.xgboost_models.XGBoostCox",
    "hybridx.models.xgboost_models.XGBoostResponse",
    "hybridx.prepare.block_impute.BlockImputer",
    "hybridx.prepare.block_scale.BlockScaler",
    "hybridx.prepare.chained.ChainedRidge",
    "hybridx.prepare.clusters.CorrelationClusters",
    "hybridx.prepare.combat.ComBat",
    "hybridx.prepare.components.PrincipalComponents",
    "hybridx.prepare.correlation.CorrelationFilter",
    "hybridx.prepare.delta.DeltaFeatures",
    "hybridx.prepare.impute.MedianImputer",
    "hybridx.prepare.limits.RangeLimit",
    "hybridx.prepare.tails.TailCompressor",
    "hybridx.prepare.pipeline.PreparedModel",
    "hybridx.prepare.preparation.Preparation",
    "hybridx.prepare.scale.Standardizer",
    "hybridx.prepare.screen.UnivariateScreen",
    "hybridx.prepare.shape.LogTransform",
    "hybridx.prepare.shape.RankTransform",
    "hybridx.prepare.shape.Winsorizer",
    "hybridx.prepare.stability.StabilityFilter",
    "hybridx.prepare.variance.VarianceFilter",
    "polars.dataframe.frame.DataFrame",  # Arrow IPC bytes; polars refuses to write or read Python objects in them
    "sklearn.tree._tree.Tree",
    "sksurv.ensemble.forest.RandomSurvivalForest",
    "sksurv.tree.tree.SurvivalTree",
    "xgboost.core.Booster",  # its own UBJSON
)
PACKAGES = ("hybridx", "numpy", "polars", "scikit-learn", "scikit-survival", "xgboost", "skops")


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
            content, support = skops.io.dumps(slim), skops.io.dumps(dict(self.support))
            foreign = _foreign_types(content)
            if foreign:
                msg = f"The model holds types that could not be loaded again safely: {listing(foreign)}."
                raise InputError(msg)
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
        model = _read(folder / "model.skops", manifest.get("sha256"))
        check_lockable(model)
        if "support_sha256" not in manifest:  # locked before detectors travelled along
            return cls(model, manifest)
        support = _read(folder / "support.skops", manifest["support_sha256"])
        return cls(model, manifest, support)


def _read(path: Path, sha256: str | None) -> Any:
    """Rebuild what a skops file holds, if it is the file that was written and asks for nothing that is not ours."""
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        msg = f"{str(path)!r} was changed since it was written: it is not loaded."
        raise InputError(msg)
    foreign = _foreign_types(content)
    if foreign:
        msg = f"{str(path)!r} asks for types that no model of ours has: {listing(foreign)}."
        raise InputError(msg)
    return skops.io.loads(content, trusted=list(TRUSTED))


def _foreign_types(content: bytes) -> list[str]:
    """Return the types that a file asks for and that no model of ours has."""
    return sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))


def _by_column(columns: list[str], low: FloatArray, high: FloatArray) -> dict[str, tuple[float, float]]:
    return dict(zip(columns, zip(low.tolist(), high.tolist(), strict=True), strict=True))


def lock(
    model: FusionModel | PreparedModel, X: Any, y: Outcome, *, cohort: Cohort | None = None
) -> LockedModel:
    """Bind a fitted model to a description of its training patients: counts and ranges, and nobody's values.

    Short keyed hashes of rare rows go along, by which training patients are recognised (`training_rows`).

    Parameters
    ----------
    model : FusionModel, or PreparedModel that ends in one
        Fitted on `X` and `y`.
    X, y : table and Outcome
        What it was fitted on.
    cohort : Cohort, optional
        Gives units and provenance.
    """
    check_lockable(model)
    frame = to_frame(X)[np.flatnonzero(y.known)]
    measured, names = input_measured(model, frame), input_modalities(model)
    patterns, counts = np.unique(measured, axis=0, return_counts=True)
    ranges: dict[str, dict[str, tuple[float, float]]] = {}
    limits: dict[str, dict[str, tuple[float, float]]] = {}
    for name in names:
        rows = np.flatnonzero(measured_mask(frame, name))
        values = to_matrix(frame[rows], model.columns_[name])
        some = np.flatnonzero(~np.isnan(values).all(axis=0))
        columns, values = [model.columns_[name][i] for i in some], values[:, some]
        ranges[name] = _by_column(columns, *range_limits(values, 0.0))
        limits[name] = _by_column(columns, *range_limits(values))
    units: dict[str, str] = {}
    made = {} if cohort is None else extraction(cohort)
    if cohort is not None:
        units = dict(cohort.features.select("column", pl.col("unit").fill_null("")).iter_rows())
    whole = fingerprint(frame, model.columns_)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "model": type(model).__name__,
        "kind": model.endpoint,
        "endpoint": y.endpoint,
        "origin": y.origin,
        "responder": y.responder,
        "levels": list(y.levels),
        "unit": y.unit,
        "modalities": list(names),
        "columns": {m: {c: units.get(c, "") for c in model.columns_[m]} for m in names},
        "extraction": {m: {c: made[c] for c in model.columns_[m] if c in made} for m in names},
        "last_day": float(y.time_days[y.known].max()) if y.kind == "survival" else None,
        "n_patients": int(y.known.sum()),
        "n_events": y.n_events,
        "patterns": [
            {"measured": [n for n, flag in zip(names, row, strict=True) if flag], "patients": int(count)}
            for row, count in zip(patterns, counts, strict=True)
        ],
        "ranges": ranges,
        "limits": limits,
        "moments": moments_of(frame, model.columns_),
        "fingerprint": whole,
        "marks": marks_of(frame, model.columns_, whole),
        "notes": list(model.notes_),
        "training": dict(cohort.provenance) if cohort is not None else {},
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "notice": "Research software, not a medical device.",
    }
    used = [c for name in names for c in (f"{name}.measured", *model.columns_[name])]
    seen = frame.select(c for c in frame.columns if "." not in c or c in set(used))
    support, _ = support_detectors(seen, [name for name in names if model.columns_[name]])
    return LockedModel(model, manifest, support)
