"""OKLA's services with their tables, once for each mapping that the demo can be built for."""

from types import MappingProxyType

from psycopg import Connection

from scheduler_project.demo.schemas import okla, original

# By mapping, then by service: what makes its tables.
SCHEMAS = MappingProxyType({"original": original.TABLES, "okla": okla.TABLES})
EVERY_SERVICE = tuple(dict.fromkeys(service for tables in SCHEMAS.values() for service in tables))


def create_tables(connection: Connection[tuple[object, ...]], schema: str, service: str) -> None:
    """The tables of one service, in its empty database."""
    connection.execute(SCHEMAS[schema][service])  # type: ignore[call-overload]
