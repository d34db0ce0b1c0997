"""An MLflow database on a server (PostgreSQL, MySQL, MariaDB, SQL Server), read through SQLAlchemy."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.errors import TrackingError, UsageError
from reprise.redact import redact
from reprise.tracking.copy.database.tables import Row

if TYPE_CHECKING:
    from sqlalchemy import TableClause
    from sqlalchemy.engine import URL, Engine

_DRIVERS = {
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("pymysql", "MySQLdb"),
    "mariadb": ("pymysql", "MySQLdb"),
    "mssql": ("pymssql", "pyodbc"),
}
"""Modules that can be the driver of a dialect, the one of our extra first."""
_NAMES = {"MySQLdb": "mysqldb"}
_MOST_VALUES = 500
_STREAMED = 10_000
_HINT = 'install "reprise-ml[import]", which brings SQLAlchemy and the drivers'


class ServerTables:
    """Satisfies ``Tables``."""

    file: Path | None = None
    damaged: Set[str] = frozenset()

    def __init__(self, text: str) -> None:
        """Raises UsageError: what it takes is not installed. TrackingError: it cannot be reached."""
        try:
            import sqlalchemy
        except ImportError as error:
            raise UsageError(
                f"{redact(text)} needs SQLAlchemy, which is not installed", hint=_HINT
            ) from error
        url = _with_driver(sqlalchemy.engine.make_url(_known_scheme(text)))
        self._url = url
        self._engine: Engine = sqlalchemy.create_engine(url)
        self._tables: dict[str, TableClause] = {}
        try:
            self._names = frozenset(sqlalchemy.inspect(self._engine).get_table_names())
        except Exception as error:  # each driver has errors of its own
            self._engine.dispose()
            raise TrackingError(
                f"the database {self.uri} cannot be reached: {_first_line(error)}",
                hint="check the host, the port, the name of the database, and the user",
            ) from error

    @property
    def uri(self) -> str:
        return self._url.render_as_string(hide_password=True).replace(":***@", "@")

    def table_names(self) -> frozenset[str]:
        return self._names

    def read_rows(
        self, table: str, column: str = "", values: Sequence[object] = (), order: Sequence[str] = ()
    ) -> Sequence[Row]:
        if table not in self._names or (column and column not in self._describe_table(table).columns):
            return []
        found = self._describe_table(table)
        statement = found.select().order_by(*(found.c[name] for name in order))
        if not column:
            return self._fetch_rows(statement)
        rows: list[Row] = []
        for start in range(0, len(values), _MOST_VALUES):
            some = values[start : start + _MOST_VALUES]
            rows += self._fetch_rows(statement.where(found.c[column].in_(some)))
        return rows

    def stream_rows(
        self, table: str, columns: Sequence[str], column: str, value: object
    ) -> Iterator[tuple[Any, ...]]:
        from sqlalchemy import literal, select
        from sqlalchemy.exc import SQLAlchemyError

        found = self._describe_table(table)
        chosen = [found.c[name] if name in found.columns else literal(None) for name in columns]
        statement = select(*chosen).where(found.c[column] == value)
        try:
            with self._engine.connect() as connection:
                streaming = connection.execution_options(yield_per=_STREAMED)
                for row in streaming.execute(statement):
                    yield tuple(row)
        except SQLAlchemyError as error:
            raise TrackingError(f"{self.uri}: {_first_line(error)}") from error

    def count_rows(self, table: str) -> int:
        from sqlalchemy import func, select

        if table not in self._names:
            return 0
        return self._fetch_number(select(func.count()).select_from(self._describe_table(table)))

    def count_orphans(self, table: str, column: str, parent: str, key: str) -> int:
        from sqlalchemy import func, select

        if not {table, parent} <= self._names:
            return 0
        found, above = self._describe_table(table), self._describe_table(parent)
        known = select(above.c[key]).where(above.c[key] == found.c[column]).exists()
        return self._fetch_number(select(func.count()).select_from(found).where(~known))

    def close(self) -> None:
        self._engine.dispose()

    def _describe_table(self, name: str) -> TableClause:
        """The table with columns that have no types, so that values come as the driver gives them.

        Those that SQLAlchemy finds would turn a DOUBLE of MySQL into ten digits.
        """
        from sqlalchemy import column, inspect, table

        if name not in self._tables:
            columns = inspect(self._engine).get_columns(name)
            self._tables[name] = table(name, *(column(found["name"]) for found in columns))
        return self._tables[name]

    def _fetch_rows(self, statement: Any) -> list[Row]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                return [dict(row) for row in connection.execute(statement).mappings()]
        except SQLAlchemyError as error:
            raise TrackingError(f"{self.uri}: {_first_line(error)}") from error

    def _fetch_number(self, statement: Any) -> int:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                return int(connection.execute(statement).scalar_one())
        except SQLAlchemyError as error:
            raise TrackingError(f"{self.uri}: {_first_line(error)}") from error


def _known_scheme(text: str) -> str:
    """``postgres://`` is an old name of ``postgresql://`` that SQLAlchemy takes no more."""
    return text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text


def _with_driver(url: URL) -> URL:
    """The URL with a driver that is installed: the one that it names, else another of its dialect."""
    dialect, _, named = url.drivername.partition("+")
    drivers = _DRIVERS.get(dialect, ())
    wanted = next((driver for driver in drivers if _NAMES.get(driver, driver) == named), named)
    if wanted and importlib.util.find_spec(wanted) is not None:
        return url
    for driver in drivers:
        if importlib.util.find_spec(driver) is not None:
            return url.set(drivername=f"{dialect}+{_NAMES.get(driver, driver)}")
    raise UsageError(f"there is no driver for {dialect}: databases", hint=_HINT)


def _first_line(error: Exception) -> str:
    return redact(str(error).strip().partition("\n")[0])
