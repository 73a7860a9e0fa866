import pytest

from shared.api_keys import ApiKey, Scope, new_key, plain_key, read_line
from shared.errors import ConfigurationError


def test_a_new_key_is_known_by_its_line_and_the_line_does_not_hold_it() -> None:
    secret, key = new_key("night-shift", Scope.OPERATE)

    kept = read_line(f"{key.line()}  # since May")

    assert kept == key
    assert kept is not None
    assert kept.is_made_from(secret)
    assert not kept.is_made_from(secret + "x")
    assert secret not in key.line()
    assert new_key("night-shift", Scope.OPERATE)[0] != secret


def test_a_larger_scope_covers_the_smaller_ones() -> None:
    covered = {one: [other for other in Scope if one.covers(other)] for one in Scope}

    assert covered == {
        Scope.READ: [Scope.READ],
        Scope.OPERATE: [Scope.READ, Scope.OPERATE],
        Scope.ADMIN: [Scope.READ, Scope.OPERATE, Scope.ADMIN],
    }


def test_comments_and_empty_lines_are_no_keys() -> None:
    assert read_line("") is None
    assert read_line("  # the night shift") is None


@pytest.mark.parametrize(
    "line",
    [
        "name read",
        "name root sha256:" + "0" * 64,
        "name read sha256:" + "0" * 63,
        "name read md5:" + "0" * 64,
        "na/me read sha256:" + "0" * 64,
        "name read sha256:" + "0" * 64 + " more",
    ],
)
def test_a_wrong_line_is_an_error_that_does_not_repeat_it(line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_line(line)

    assert line not in caught.value.reason


def test_a_short_plain_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="16 characters"):
        plain_key("short", "mine")
    assert isinstance(plain_key("x" * 16, "mine"), ApiKey)
