"""A real cohort to hand: 198 women with breast cancer, 76 genes and clinical facts, published with scikit-survival."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from hybridx.cohort import Cohort
from hybridx.cohort.block import FEATURE_SCHEMA, Block

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["breast_cancer"]

_GRADES = {
    "well differentiated": 1.0,
    "intermediate": 2.0,
    "poorly differentiated": 3.0,
    "unkown": None,
}  # as spelt there
_CLINICAL = {
    "age": ("Age", "a"),
    "er_positive": ("Oestrogen receptor positive", "1"),
    "grade": ("Grade (1 well to 3 poorly differentiated)", "1"),
    "size": ("Tumour size", "cm"),
}


def breast_cancer() -> Cohort:
    """Return 198 women with node-negative breast cancer: clinical facts, 76 genes, time to distant metastasis.

    Real patients, anonymous and public (GSE7390), who were given no systemic treatment; the 76 genes were chosen on
    OTHER patients, so they may be used as they are. The table ships inside scikit-survival and needs no network.

    Returns
    -------
    Cohort
        Modalities ``clinical`` (4 features) and ``expression`` (76); endpoint ``metastasis``, days from diagnosis.

    Source
    ------
    Desmedt et al. 2007, doi:10.1158/1078-0432.CCR-06-2765; genes: Wang et al. 2005,
    doi:10.1016/S0140-6736(05)17947-1; table: `sksurv.datasets.load_breast_cancer`.

    Examples
    --------
    >>> len(breast_cancer())
    198
    """
    from sksurv.datasets import load_breast_cancer  # noqa: PLC0415 - loads scikit-learn and pandas

    source, outcome = load_breast_cancer()
    patients = [f"W{i + 1:03d}" for i in range(len(source))]
    clinical, genes = _clinical(source), [c for c in source.columns if c.startswith("X")]
    expression = pl.DataFrame({f"expression.{g}": source[g].to_numpy(dtype=float) for g in genes})
    outcomes = pl.DataFrame(
        {
            "patient_id": patients,
            "endpoint": "metastasis",
            "time_days": outcome["t.tdm"].astype(float),
            "event": outcome["e.tdm"],
            "origin": "diagnosis",
        }
    )
    blocks = [
        _block("clinical", patients, clinical, [_CLINICAL[c.partition(".")[2]] for c in clinical.columns]),
        _block("expression", patients, expression, [(f"Probe {g.removeprefix('X')}", "1") for g in genes]),
    ]
    return Cohort.build(patients, blocks, {"outcomes": outcomes}, {"source": "GSE7390", "synthetic": False})


def _clinical(source: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "clinical.age": source["age"].to_numpy(dtype=float),
            "clinical.er_positive": (source["er"] == "positive").to_numpy(dtype=float),
            "clinical.grade": [_GRADES[str(level)] for level in source["grade"]],
            "clinical.size": source["size"].to_numpy(dtype=float),
        }
    )


def _block(modality: str, patients: list[str], values: pl.DataFrame, named: list[tuple[str, str]]) -> Block:
    ids = pl.DataFrame({"patient_id": patients})
    features = pl.DataFrame(
        {
            "column": values.columns,
            "modality": modality,
            "title": [title for title, _ in named],
            "unit": [unit for _, unit in named],
            "family": modality,
            "ibsi_id": None,
            "extractor": "GSE7390",
            "version": "1",
            "settings_hash": "as published",
        },
        schema=FEATURE_SCHEMA,
    )
    everyone = dict.fromkeys(patients, True)
    return Block(modality, ids.hstack(values), everyone, dict.fromkeys(patients, 0.0), features)
