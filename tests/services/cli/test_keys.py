from pathlib import Path

from typer.testing import CliRunner

from services.api.keys import read_keys
from services.api.settings import ApiSettings
from services.cli.app import app
from shared.api_keys import Scope


def test_a_new_key_is_shown_once_and_its_line_added_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("an-older-key-without-newline", encoding="utf-8")

    said = CliRunner().invoke(
        app, ["key", "new", "night-shift", "--scope", "read", "--file", str(file)]
    )

    secret = said.stdout.strip()
    keys = read_keys(ApiSettings(key_file=file))
    assert said.exit_code == 0
    assert secret not in file.read_text(encoding="utf-8")
    found = keys.find(secret)
    assert found is not None
    assert (found.name, found.scope) == ("night-shift", Scope.READ)
    assert keys.find("an-older-key-without-newline")
    again = CliRunner().invoke(app, ["key", "new", "night-shift", "--file", str(file)])
    assert again.exit_code == 1
