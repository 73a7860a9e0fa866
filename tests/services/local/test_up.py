"""What ``cutis up`` refuses before it starts anything."""

from pathlib import Path

import pytest

from services.local.settings import LocalSettings
from services.local.up import run_pipeline
from shared.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUTIS_LISTENER_TLS_CERTIFICATE", "listener.pem"),
        ("CUTIS_API_TLS_CERTIFICATE", "api.pem"),
        ("CUTIS_PACS_TLS", "true"),
    ],
)
def test_tls_is_refused_in_a_sentence_that_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name):
        run_pipeline(LocalSettings(data=tmp_path / "data"), lambda _: None)

    assert not (tmp_path / "data").exists()
