"""What a whole extraction does: radiomics per modality, and which optional parts are made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from hybridx.errors import SettingsError
from hybridx.measure.table_settings import ExpressionSettings, GenomicsSettings, LabSettings
from hybridx.measure.uptake_settings import UptakeSettings
from hybridx.radiomics.presets import MODALITIES
from hybridx.radiomics.settings import RadiomicsSettings
from hybridx.radiomics.settings_checks import check_names
from hybridx.terms import settings_hash

__all__ = ["ExtractSettings", "RadiomicsSettings", "UptakeSettings"]


@dataclass(frozen=True)
class ExtractSettings:
    """Settings of a whole extraction: radiomics per modality, and which optional parts are made.

    Parameters
    ----------
    pet, ct, mr : RadiomicsSettings
        Per modality; by default the presets.
    uptake : UptakeSettings
        Thresholds and further numbers of PET uptake.
    deep : bool
        Features of the pre-trained PET/CT encoder.
    views : bool
        Key slices for the patient page.
    volumes : bool
        Small PET and CT volumes round the lesions for the viewer of the patient page, about 1 MB per study.
    labs : LabSettings
        Which laboratory value is the baseline, and what is made of several.
    genomics : GenomicsSettings
        Which flags are made of variants.
    expression : ExpressionSettings
        Genes, signatures, or both.
    """

    pet: RadiomicsSettings = dataclasses.field(default_factory=lambda: RadiomicsSettings.preset("pet"))
    ct: RadiomicsSettings = dataclasses.field(default_factory=lambda: RadiomicsSettings.preset("ct"))
    mr: RadiomicsSettings = dataclasses.field(default_factory=lambda: RadiomicsSettings.preset("mr"))
    uptake: UptakeSettings = dataclasses.field(default_factory=UptakeSettings)
    deep: bool = True
    views: bool = True
    volumes: bool = True
    labs: LabSettings = dataclasses.field(default_factory=LabSettings)
    genomics: GenomicsSettings = dataclasses.field(default_factory=GenomicsSettings)
    expression: ExpressionSettings = dataclasses.field(default_factory=ExpressionSettings)

    def __new__(cls, *positional: Any, **named: Any) -> ExtractSettings:  # noqa: ARG004, D102
        check_names(cls, named)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name in MODALITIES:
            if not isinstance(getattr(self, name), RadiomicsSettings):
                msg = f"{name}={getattr(self, name)!r} is not a RadiomicsSettings."
                raise SettingsError(msg)
        for name, kind in (_TABLES | {"uptake": UptakeSettings}).items():
            if not isinstance(getattr(self, name), kind):
                msg = f"{name}={getattr(self, name)!r} is not of {kind.__name__}."
                raise SettingsError(msg)

    @property
    def hash(self) -> str:
        """Short digest of all settings, for provenance."""
        return settings_hash(self)

    @property
    def image_hash(self) -> str:
        """Short digest of what images are measured by: another window for laboratory values costs no scan."""
        return settings_hash({k: v for k, v in dataclasses.asdict(self).items() if k not in _TABLES})


_TABLES: dict[str, type[Any]] = {
    "labs": LabSettings,
    "genomics": GenomicsSettings,
    "expression": ExpressionSettings,
}
