from pathlib import Path

import pytest

from services.dispatcher.rules import read_rules
from shared.errors import ConfigurationError

KNOWN = frozenset({"layers"})


def test_no_file_means_no_rules() -> None:
    assert read_rules(None, KNOWN).rules == ()


def test_rules_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "rules:\n"
        "  - {name: first, when: {modality: OCT}, models: [layers]}\n"
        "  - {name: second, when: {}, models: []}\n"
    )

    assert [rule.name for rule in read_rules(path, KNOWN).rules] == ["first", "second"]


@pytest.mark.parametrize(
    "content",
    [
        "rules: [{name: x, when: {}, models: [unknown]}]",
        "rules: [{name: x, when: {modalty: OCT}, models: [layers]}]",
        "rules: [{name: x, when: {modality: '('}, models: [layers]}]",
        "rules: [unclosed",
        "scales: [{name: x, when: {}, rows: 10, columns: 10, mm_per_pixel: 0}]",
        "scales: [{name: x, when: {}, rows: 10, columns: 10, mm_per_pixel: .inf}]",
        "scales: [{name: x, when: {}, mm_per_pixel: 0.1}]",
        "42",
    ],
)
def test_a_wrong_file_says_so_at_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(content)

    with pytest.raises(ConfigurationError):
        read_rules(path, KNOWN)


def test_a_missing_file_says_so_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        read_rules(tmp_path / "absent.yaml", KNOWN)
