"""Names of files as text, whatever bytes they are of."""

from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.data.object_versions import as_bytes, as_name

PIECES = [b"\\", b"x", b"\\x", b"5c", b"\\x41", b"\xfc", b"\xc3\xbc", b"a", b"/", b"\xed\xb3\xbc"]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3)).map(b"".join))
def test_every_path_has_a_name_of_its_own_that_leads_back(path: bytes):
    assert as_bytes(as_name(path)) == path


def test_utf_8_stays_as_it_is_and_other_bytes_can_be_told():
    assert as_name("für/1.jpg".encode()) == "für/1.jpg"
    assert as_name("für/1.jpg".encode("latin-1")) == r"f\xfcr/1.jpg"
    assert as_name(rb"f\xfcr/1.jpg") == r"f\x5cxfcr/1.jpg"
