"""Environment variables of a run: by name and a digest that only this machine can make."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from reprise import durable, paths

_SALT = "salt"  # a file of our state
_BYTES = 32

# Of the person, the terminal, the session and the run: they differ each time, and decide no result.
_PERSONAL = {
    "_",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "EDITOR",
    "FORCE_COLOR",
    "HISTFILE",
    "HOME",
    "HOSTNAME",
    "LINES",
    "LOGNAME",
    "LS_COLORS",
    "MAIL",
    "NO_COLOR",
    "OLDPWD",
    "PAGER",
    "PATH",
    "PS1",
    "PWD",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "SHELL",
    "SHLVL",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
    "USER",
    "USERNAME",
    "VIRTUAL_ENV",
    "VISUAL",
}
_OF_A_RUN = (
    "MLFLOW_EXPERIMENT_",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_RUN_",
    "MLFLOW_SUPPRESS_",
    "MLFLOW_TRACKING_",
    "REPRISE_",
)
_PERSONAL_BEGINNINGS = ("CONDA_", "GPG_", "SSH_", "TERM_", "VSCODE_", "XDG_", *_OF_A_RUN)


class Salt(bytes):
    """A secret of this machine. Without it a short value cannot be found out by trying all of them."""

    @property
    def name(self) -> str:
        """Return a digest that distinguishes a value from others without revealing it."""
        return hashlib.sha256(b"name of " + self).hexdigest()[:16]

    def digest_value(self, name: str, value: str) -> str:
        """The same for the same variable and value, and for no others."""
        text = os.fsencode(f"{name}\0{value}")
        return f"hmac-sha256:{hmac.new(self, text, hashlib.sha256).hexdigest()}"


def read_salt() -> Salt:
    """Return the secret of this machine, created at the first use.

    Raises:
        OSError: it can be neither read nor written.
    """
    file = paths.state_dir() / _SALT
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        found = b""
    if len(found) != _BYTES:
        durable.write_file(file, os.urandom(_BYTES))
        file.chmod(0o600)
        found = file.read_bytes()  # another process may have been faster
    return Salt(found)


def digests_of(environ: Mapping[str, str], salt: Salt) -> dict[str, str]:
    """The digest of each variable that may decide a result."""
    return {
        name: salt.digest_value(name, value) for name, value in environ.items() if not is_personal(name)
    }


def is_personal(name: str) -> bool:
    """Whether the variable is of the person, the session or the run, and decides nothing."""
    return name in _PERSONAL or name.startswith(_PERSONAL_BEGINNINGS)
