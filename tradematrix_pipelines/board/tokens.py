"""The board's token: the one of the settings, or one that is made once and kept in the home.

Here: which token is required, and where it lies. Not here: who brings it (``access``).
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tradematrix_pipelines.board.access import is_loopback
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.folders import private_folder
from tradematrix_pipelines.settings import Settings

_FILE = "board-token"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token that is required.

    Attributes:
        where: what a person reads to find it; not the token itself.
    """

    value: str
    where: str


def required_token(settings: Settings, host: str) -> Token | None:
    """Return the token that is required of who asks at an address; ``None`` = none is.

    One of the settings always is. On loopback no other is made.

    Raises:
        TradeMatrixError: one has to be made and can't be kept.
    """
    if settings.board_token is not None:
        return Token(value=settings.board_token.get_secret_value(), where="TRADEMATRIX_BOARD_TOKEN")
    if is_loopback(host):
        return None
    path = settings.home / _FILE
    try:
        return Token(value=_kept(path), where=str(path))
    except OSError as error:
        raise TradeMatrixError(
            f"can't keep the board's token in {path} ({error.strerror}): "
            "make it writable, or set TRADEMATRIX_BOARD_TOKEN"
        ) from error


def _kept(path: Path) -> str:
    """Return the token of a file, which only its owner reads; one is made where there is none."""
    private_folder(path.parent)
    # Another process may be making it at this moment: it is written whole before it has its name.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, secrets.token_urlsafe(32).encode())
    finally:
        os.close(descriptor)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    path.chmod(0o600)
    text = path.read_text().strip()
    if not text:
        raise OSError(0, "it is empty")
    return text
