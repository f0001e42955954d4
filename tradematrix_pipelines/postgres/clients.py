"""PostgreSQL's client programs on a database: ``psql``, ``pg_dump``, ``pg_restore``.

Here: how they are given a URL, and dumps. Not here: locating them (``programs``).
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL

from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.postgres.programs import bin_dir


class DumpFault(TradeMatrixError):
    """A database can't be dumped or restored."""


def for_client(url: URL, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a URL for libpq without its password, and the environment with it.

    An argument could be read by every user of the machine.
    """
    option = url.query.get("password")
    password = url.password or (option if isinstance(option, str) else None)
    # `URL.set(password=None)` would leave the password, and show it as ***.
    bare = URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database, query=url.query
    )
    secret = {"PGPASSWORD": password} if password else {}
    return bare.difference_update_query(["password"]).render_as_string(), {**environment, **secret}


def dump(url: URL, file: Path, *, environment: Mapping[str, str]) -> None:
    """Write a database to ``file``, as it is at one instant; the file is there when it is whole, for its owner only.

    Raises:
        DumpFault: ``pg_dump`` fails.
    """
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        _run("pg_dump", url, environment, "--format=custom", f"--file={part}")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def restore(url: URL, file: Path, *, environment: Mapping[str, str]) -> None:
    """Fill an empty database from a dump, in one transaction; its owner and grants are those of the new one.

    Raises:
        DumpFault: ``pg_restore`` fails; the database is as empty as before.
    """
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run("pg_restore", url, environment, *options, str(file))


def _run(program: str, url: URL, environment: Mapping[str, str], *arguments: str) -> None:
    bare, variables = for_client(url, environment)
    done = subprocess.run(  # noqa: S603 - the bundled client, with arguments of our own
        [bin_dir() / program, *arguments, f"--dbname={bare}"],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), "it says no more")
        raise DumpFault(f"{reason} (database {url.database!r})")
