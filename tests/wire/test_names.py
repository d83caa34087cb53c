"""Names that people can read."""

import pytest

from wire.names import MAX_NAME, is_name


@pytest.mark.parametrize("text", ["pump-1", "a/b", "Prüfstand 7", "x" * MAX_NAME])
def test_what_can_be_read_is_a_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\t", "\u200b", "\xa0 ", "a\x00b", "a\x1b[2Jb", "a\x9bb", "x" * (MAX_NAME + 1)]
)
def test_nothing_blanks_and_control_characters_are_none(text: str) -> None:
    assert not is_name(text)
