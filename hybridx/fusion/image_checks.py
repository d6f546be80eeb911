"""What was asked of an `ImageFusion`, held against what can be: settings, tables, events."""

from __future__ import annotations

from typing import Any, Literal, get_args

import polars as pl

from hybridx.cohort import Outcome
from hybridx.cohort.columns import feature_columns, modalities_in
from hybridx.errors import NotEnoughDataError, SettingsError
from hybridx.fusion.base import BoolArray
from hybridx.fusion.image_network import STAGES
from hybridx.fusion.image_training import TrainingSettings
from hybridx.fusion.late import LateFusion
from hybridx.measure.encoder import torch_device
from hybridx.terms.text import check_name

__all__ = ["Start", "check_enough", "tables_beside", "training_settings"]

Start = Literal["pretrained", "random"]


def training_settings(model: Any) -> TrainingSettings:
    """Return how the network of an `ImageFusion` is trained.

    Raises
    ------
    SettingsError
        An impossible setting, or no such device.
    """
    check_name(model.init, get_args(Start), "init")
    stages = model.frozen_stages
    if stages is None:
        stages = 2 if model.init == "pretrained" else 0
    if stages not in range(len(STAGES)) or (stages and model.init == "random"):
        msg = (
            f"frozen_stages={model.frozen_stages!r} with init={model.init!r}: wanted 0, 1 or 2 for a pretrained "
            "encoder, and 0 for a random one, whose stages know nothing yet."
        )
        raise SettingsError(msg)
    if not 0.0 <= model.modality_dropout < 1.0:
        msg = f"modality_dropout={model.modality_dropout!r}: wanted a share of at least 0 and below 1."
        raise SettingsError(msg)
    for name in ("max_epochs", "batch_size", "min_events"):
        if getattr(model, name) < 1:
            msg = f"{name}={getattr(model, name)!r}: wanted at least 1."
            raise SettingsError(msg)
    if model.tabular is not None and not isinstance(model.tabular, LateFusion):
        msg = f"`tabular` takes a LateFusion, got {model.tabular!r}."
        raise SettingsError(msg)
    if model.epochs is not None and model.epochs < 0:
        msg = f"epochs={model.epochs!r}: wanted None or a number of at least 0."
        raise SettingsError(msg)
    torch_device(model.device)
    return TrainingSettings(
        init=model.init,
        stages=stages,
        learning_rate=model.learning_rate,
        weight_decay=model.weight_decay,
        modality_dropout=model.modality_dropout,
        augment=model.augment,
        batch_size=model.batch_size,
        device=model.device,
        seed=model.random_state,
    )


def tables_beside(model: Any, frame: pl.DataFrame) -> list[str]:
    """Return the modalities whose tables stand beside the image of an `ImageFusion`, in the order of the frame."""
    asked = model.modalities
    if asked is None and model.tabular is not None:
        asked = model.tabular.modalities
    there = modalities_in(frame)
    if asked is None:
        return [m for m in there if m != model.image]
    asked = [asked] if isinstance(asked, str) else list(asked)
    if model.image in asked:
        msg = f"{model.image!r} is read as the image; leave it out of `modalities`, or name another `image`."
        raise SettingsError(msg)
    feature_columns(frame, asked)
    return [m for m in there if m in asked]


def check_enough(y: Outcome, has: BoolArray, min_events: int) -> None:
    """Refuse with too few events among the patients with an image."""
    events = int(y.event[has].sum()) if y.kind == "survival" else int((y.value[has] == 1.0).sum())
    rest = int(has.sum()) - events
    enough = events if y.kind == "survival" else 2 * min(events, rest)
    if enough >= min_events:
        return
    half = -(-min_events // 2)
    wanted, got = f"{min_events} events of {y.endpoint!r}", f"{events or 'no'} events"
    if y.kind == "response":
        wanted, got = f"{half} responders and {half} non-responders", f"{events} and {rest}"
    msg = (
        f"ImageFusion needs at least {wanted} among the patients with an image; got {got} in {int(has.sum())} "
        "patients. With fewer, held-out patients cannot tell an image that helps from one that does not, and a "
        "network of 0.4 million weights only adds noise: use LateFusion, or lower `min_events` to try."
    )
    raise NotEnoughDataError(msg)
