"""A running board and the database behind it, as tests ask them."""

from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.stack import HTTP


@dataclass(frozen=True)
class Served:
    """A running board and the database behind it."""

    url: str
    settings: Settings

    def get(self, path: str, **params: object) -> Any:
        """Return the answer of an address of the API."""
        answer = self.ask(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, path: str, **params: object) -> httpx.Response:
        """Return a response; ``first`` and ``last`` stand for ``from`` and ``to``."""
        names = {"first": "from", "last": "to"}
        query = {names.get(name, name): str(value) for name, value in params.items()}
        return HTTP.get(f"{self.url}/api/v1/{path}", params=query, timeout=30)

    def rows(self, query: str, *terms: object) -> list[dict[str, Any]]:
        """Return what the tables hold."""
        with self.connect() as connection:
            return connection.execute(query, terms).fetchall()  # type: ignore[arg-type]  # a test's own SQL

    def connect(self, **options: str) -> "psycopg.Connection[dict[str, Any]]":
        """Return a connection of the test's own."""
        assert self.settings.database_url is not None
        return psycopg.connect(
            self.settings.database_url.get_secret_value(), row_factory=dict_row, autocommit=True, **options
        )
