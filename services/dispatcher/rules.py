"""Rules: what a site adds to routing, in a YAML file that is checked when it is read.

.. code-block:: yaml

    rules:
      - name: The scar clinic sends keloids
        when: {calling_ae_title: SCARCAM}
        models: [segmentation, perfusion]
      - name: Ignore the dermatoscope
        when: {manufacturer_model_name: "(?i)dermlite"}
        models: []

The first rule whose every condition matches decides about a series; without one, the models'
own acceptance decides. Conditions are regular expressions, searched in the attribute.
"""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

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


class SiteRules(BaseModel):
    """All rules of a site, in the order they are tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = ()


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
