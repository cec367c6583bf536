"""Read the .mat files in which makers ship their splits."""

import io
from collections.abc import Sequence
from typing import Any

from scipy.io import loadmat

from simpgan.components.core.errors import UserError


def read_matlab(file: str, content: bytes, variables: Sequence[str]) -> dict[str, Any]:
    """Return variables of a MATLAB file by name, without running anything that is in it.

    Args:
        file: name of the file, for messages.
        content: its bytes.
        variables: names of the variables.

    Raises:
        UserError: it is damaged, lacks one of them, or is of a format that is not read.
    """
    if is_hdf5(content):
        raise UserError(
            f"{file} is in the format of MATLAB 7.3 (HDF5), which is not read: "
            f"in MATLAB load it and save it again by save('{file}', '-v7'), or take the data set's own file"
        )
    try:
        found = loadmat(io.BytesIO(content), variable_names=list(variables))
        return {name: found[name] for name in variables}
    except Exception as damage:  # scipy fails in many ways on bytes that are not MATLAB's
        raise damaged(file, variables) from damage


def damaged(file: str, variables: Sequence[str]) -> UserError:
    """Return the error of a file whose variables cannot be read."""
    return UserError(
        f"{file} is damaged, or no .mat file up to version 7: it has no readable {' and '.join(variables)}; "
        "take it from the data set again"
    )


def is_hdf5(content: bytes) -> bool:
    """Tell whether a file is HDF5, as MATLAB 7.3 and Octave's -hdf5 write it; its signature may follow a header."""
    return any(content.startswith(b"\x89HDF\r\n\x1a\n", start) for start in (0, 512, 1024, 2048))
