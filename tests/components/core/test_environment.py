"""Numbers in environment variables."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError

VARIABLE = "SIMPGAN_NUMBER_OF_A_TEST"


@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_number_within_its_limits_is_read_and_no_other(number: int, least: int, most: int) -> None:
    os.environ[VARIABLE] = f" {number} "
    try:
        if least <= number <= most:
            assert whole_number(VARIABLE, 7, least, most) == number
        else:
            with pytest.raises(UserError, match=f"{VARIABLE}={number}: give a whole number from {least} to {most}"):
                whole_number(VARIABLE, 7, least, most)
    finally:
        del os.environ[VARIABLE]


@pytest.mark.parametrize("text", ["abc", "-1", "1.5", "1e3", "0x1", "٣", "²", "1_0", "9" * 5000])
def test_what_is_no_whole_number_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UserError, match=f"^{VARIABLE}=.*: give a whole number from 0, or unset it$"):
        whole_number(VARIABLE, 7)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert whole_number(VARIABLE, 7) == 7
