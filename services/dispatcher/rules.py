"""Rules: what a site adds to routing, in a YAML file that is checked when it is read.

.. code-block:: yaml

    rules:
      - name: The scar clinic sends keloids
        when: {calling_ae_title: SCARCAM}
        models: [segmentation, perfusion]
      - name: Ignore the dermatoscope
        when: {manufacturer_model_name: "(?i)dermlite"}
        models: []

    scales:
      - name: The copy stand of the photo room
        when: {station_name: STAND1, modality: XC}
        rows: 3000
        columns: 4000
        mm_per_pixel: 0.05

The first rule whose every condition matches decides about a series; without one, the models'
own acceptance decides. Conditions are regular expressions, searched in the attribute.

A scale is for images that tell no calibrated spacing themselves, from a device that stands still:
it holds for images of exactly its size.
"""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.dicom.manifest import InstanceManifest
from shared.errors import ConfigurationError


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compilable)]


class When(BaseModel):
    """Conditions on a series; absent ones always match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calling_ae_title: Pattern = ""
    station_name: Pattern = ""
    manufacturer: Pattern = ""
    manufacturer_model_name: Pattern = ""
    modality: Pattern = ""
    sop_class_uid: Pattern = ""
    series_description: Pattern = ""
    study_description: Pattern = ""
    body_part_examined: Pattern = ""

    def matches(self, instance: InstanceManifest, calling_ae_titles: frozenset[str]) -> bool:
        """Say whether every condition holds for an instance of the series."""
        if not any(re.search(self.calling_ae_title, title) for title in calling_ae_titles or {""}):
            return False
        conditions = self.model_dump(exclude={"calling_ae_title"})
        return all(
            re.search(pattern, getattr(instance, name)) is not None
            for name, pattern in conditions.items()
        )


class Rule(BaseModel):
    """One site rule: series that match ``when`` go to exactly these models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    when: When
    models: tuple[str, ...]


class Scale(BaseModel):
    """How large a pixel is in images of one device and size, measured by the site."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    when: When
    rows: int = Field(gt=0)
    columns: int = Field(gt=0)
    mm_per_pixel: float = Field(gt=0, allow_inf_nan=False)


class SiteRules(BaseModel):
    """All rules of a site, and all scales, in the order they are tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = ()
    scales: tuple[Scale, ...] = ()

    def scale_of(
        self, instance: InstanceManifest, calling_ae_titles: frozenset[str]
    ) -> float | None:
        """Return the millimetres of a pixel that the site gives for an image, if it does."""
        size = (instance.rows, instance.columns)
        for scale in self.scales:
            fits = size == (scale.rows, scale.columns)
            if fits and scale.when.matches(instance, calling_ae_titles):
                return scale.mm_per_pixel
        return None


def read_rules(path: Path | None, known_models: frozenset[str]) -> SiteRules:
    """Read the rules file; no file, no rules.

    Raises
    ------
    ConfigurationError
        The file cannot be read, is not what it should be, or names an unknown model.
    """
    if path is None:
        return SiteRules()
    try:
        rules = SiteRules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"rules file {path}: {error}", code="rules") from error
    unknown = {name for rule in rules.rules for name in rule.models} - known_models
    if unknown:
        raise ConfigurationError(f"rules name unknown models: {sorted(unknown)}", code="rules")
    return rules
