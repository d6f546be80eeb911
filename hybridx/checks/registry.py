"""All checks, in the order of their codes. A code is permanent: one that is given up is not given again."""

from __future__ import annotations

from hybridx.checks.after_baseline import AFTER_BASELINE
from hybridx.checks.best_modality import BEST_MODALITY
from hybridx.checks.beyond_follow_up import BEYOND_FOLLOW_UP
from hybridx.checks.centre_signal import CENTRE_SIGNAL
from hybridx.checks.disguise import DISGUISE
from hybridx.checks.explained_rows import EXPLAINED_ROWS
from hybridx.checks.few_events import FEW_EVENTS
from hybridx.checks.finding import Check
from hybridx.checks.fitted_before import FITTED_BEFORE
from hybridx.checks.identifiers import IDENTIFIERS
from hybridx.checks.missingness import MISSING_BY_CENTRE, MISSING_BY_OUTCOME
from hybridx.checks.no_interval import NO_INTERVAL
from hybridx.checks.patient_overlap import ACROSS_COHORTS, TWO_FOLDS, TWO_NAMES
from hybridx.checks.prepared_before import PREPARED_BEFORE
from hybridx.checks.proportional_hazards import PROPORTIONAL_HAZARDS
from hybridx.checks.selected_before import SELECTED_BEFORE
from hybridx.checks.slope import SLOPE
from hybridx.checks.volume_disguise import VOLUME_DISGUISE

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    FITTED_BEFORE,
    PREPARED_BEFORE,
    AFTER_BASELINE,
    IDENTIFIERS,
    DISGUISE,
    MISSING_BY_OUTCOME,
    MISSING_BY_CENTRE,
    CENTRE_SIGNAL,
    VOLUME_DISGUISE,
    PROPORTIONAL_HAZARDS,
    FEW_EVENTS,
    NO_INTERVAL,
    BEYOND_FOLLOW_UP,
    BEST_MODALITY,
    SLOPE,
    EXPLAINED_ROWS,
    TWO_FOLDS,
    TWO_NAMES,
    ACROSS_COHORTS,
    SELECTED_BEFORE,
)
