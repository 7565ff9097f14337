"""A table that takes rows back as they were archived: a line of JSON each, once however often they are given."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from jobs.gateways.sessions import Session, unlimited

COLUMNS = (
    "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attgenerated <> '',"
    " coalesce(attnum = ANY (SELECT unnest(indkey) FROM pg_index WHERE indrelid = attrelid AND indisprimary), false)"
    " FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
IS_UNIQUE = (
    "SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(%s) AND indisunique AND indisvalid AND indpred IS NULL"
)
# Not jsonb: a column of type json keeps its words as they are, and a float its minus before zero.
INSERT = sql.SQL(
    "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM unnest(%s::text[]) AS line"
    " CROSS JOIN LATERAL json_populate_record(NULL::{table}, line::json) ON CONFLICT DO NOTHING"
)
JSON_TYPES = ("json", "jsonb")


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # as PostgreSQL calls it: numeric(18,2)
    is_required: bool
    is_generated: bool
    is_key: bool

    @property
    def value(self) -> sql.Composable:
        """In a line, JSON's null and that of SQL look alike; a column that takes no NULL had JSON's."""
        name = _identifier(self.name)
        is_json = self.is_required and self.type in JSON_TYPES
        return sql.SQL("coalesce({}, 'null')").format(name) if is_json else name


@dataclass(frozen=True)
class RowTable:
    """`name`: Logs, or audit.audit_logs."""

    session: Session
    name: str

    @property
    def columns(self) -> list[Column]:
        """Empty where there is no such table."""
        return [Column(*row) for row in self.session.execute(COLUMNS, [self._quoted]).fetchall()]

    @property
    def has_key(self) -> bool:
        """Whether a row that is given again is known again."""
        return bool(self.session.execute(IS_UNIQUE, [self._quoted]).fetchall()[0][0])

    def make(self, columns: Sequence[Column]) -> None:
        """Of the same columns and key. A column that was generated or counted up there takes what it is given here."""
        parts = [
            sql.SQL("{} {}{}").format(
                sql.Identifier(each.name), sql.SQL(each.type), sql.SQL(" NOT NULL" if each.is_required else "")
            )
            for each in columns
        ]
        if key := [sql.Identifier(each.name) for each in columns if each.is_key]:
            parts.append(sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(key)))
        self.session.execute(sql.SQL("CREATE TABLE {} ({})").format(self._identifier, sql.SQL(", ").join(parts)))

    def insert(self, columns: Sequence[Column], lines: Sequence[str]) -> int:
        """How many were not there already. One that was stays as it is."""
        statement = INSERT.format(
            table=_identifier(*self.name.split(".")),
            columns=sql.SQL(", ").join(_identifier(each.name) for each in columns),
            values=sql.SQL(", ").join(each.value for each in columns),
        )
        with unlimited(self.session):
            return self.session.execute(statement, [list(lines)]).rowcount

    @property
    def _identifier(self) -> sql.Identifier:
        return sql.Identifier(*self.name.split("."))

    @property
    def _quoted(self) -> str:
        return self._identifier.as_string()


def _identifier(*names: str) -> sql.Identifier:
    """In a statement with parameters, to which a percent sign means something."""
    return sql.Identifier(*(name.replace("%", "%%") for name in names))
