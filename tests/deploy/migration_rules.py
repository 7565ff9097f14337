"""What a migration may not do while the last version still runs beside the new one, and holds and reads its tables.

A migration that must do it all the same says so, and why it does no harm, in a dict of its class:
    allowed = {"RemoveField scheduledjob.colour": "nothing has read or written it since 0.2"}
"""

import re
from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations import operations as django
from django.db.migrations.state import ProjectState
from django.db.models import Field
from django.db.models.fields import NOT_PROVIDED

GONE = (django.RemoveField, django.RenameField, django.DeleteModel, django.RenameModel, django.AlterModelTable)
LOCKING = (django.AlterUniqueTogether, django.AlterOrderWithRespectTo)
HARMFUL_SQL = re.compile(
    r"\bDROP\s+(COLUMN|TABLE)|\bRENAME\b|\bSET\s+NOT\s+NULL|\bTYPE\b|\bTRUNCATE\b|\bCREATE\s+(UNIQUE\s+)?INDEX\b(?!\s+CONCURRENTLY)",
    re.IGNORECASE,
)


def complaints(migration: Migration, before: ProjectState) -> dict[str, str]:
    """By the operation, what is wrong with it; without those that the migration allows itself.

    Raises LookupError when it allows what it does not do, or gives no reason.
    """
    found: dict[str, str] = {}
    new: set[str] = set()
    for operation in _flat(migration.operations):
        after = before.clone()
        operation.state_forwards(migration.app_label, after)
        model = getattr(operation, "model_name", getattr(operation, "name", "") or "").lower()
        if isinstance(operation, django.CreateModel):
            new.add(model)
        elif model not in new and (why := _why(operation, migration.app_label, before, after)):
            found[_title(operation, model)] = why
        before = after
    allowed: dict[str, str] = getattr(migration, "allowed", {})
    if wrong := [title for title, reason in allowed.items() if title not in found or not reason.strip()]:
        raise LookupError(f"{migration} allows without need or reason: {wrong}")
    return {title: why for title, why in found.items() if title not in allowed}


def _flat(operations: list[Any]) -> Iterator[Any]:
    for operation in operations:
        if isinstance(operation, django.SeparateDatabaseAndState):
            yield from _flat([*operation.database_operations, *operation.state_operations])
        else:
            yield operation


def _title(operation: Any, model: str) -> str:
    parts = [getattr(operation, part, None) for part in ("index", "constraint")]
    names = [part.name for part in parts if part] or [getattr(operation, "name", "")] * hasattr(operation, "model_name")
    return f"{type(operation).__name__} {'.'.join(filter(None, (model, *names)))}".strip()


def _why(operation: Any, app: str, before: ProjectState, after: ProjectState) -> str:
    if isinstance(operation, GONE):
        return "the last version still uses it; stop using it in one release and remove it in the next"
    if isinstance(operation, django.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        return "nobody can write meanwhile; use AddIndexConcurrently in a migration with atomic = False"
    if isinstance(operation, LOCKING) or (
        isinstance(operation, django.AddConstraint) and not isinstance(operation, AddConstraintNotValid)
    ):
        return "nobody can write while all rows are read; add it NOT VALID and validate it afterwards"
    if isinstance(operation, django.RunSQL) and HARMFUL_SQL.search(str(operation.sql)):
        return "it removes, renames, retypes or locks what the last version uses"
    if isinstance(operation, django.AddField):
        return _why_not_added(_field(after, app, operation))
    if isinstance(operation, django.AlterField):
        return _why_not_altered(_field(before, app, operation), _field(after, app, operation))
    return ""


def _field(state: ProjectState, app: str, operation: Any) -> Any:
    return state.apps.get_model(app, operation.model_name)._meta.get_field(operation.name)


def _why_not_added(field: Any) -> str:
    if not field.concrete or field.many_to_many:
        return ""
    if not field.null and field.db_default is NOT_PROVIDED:
        return "the last version inserts rows without it; give it db_default, or null=True"
    return "its index locks the table; make it without one, then AddIndexConcurrently" if _has_index(field) else ""


def _why_not_altered(old: "Field[Any, Any]", new: "Field[Any, Any]") -> str:
    was, becomes = old.db_type(connection) or "", new.db_type(connection) or ""
    if was != becomes and not _is_wider(was, becomes):
        return f"{was} becomes {becomes}: the table is written anew under a lock; add a field beside it"
    if old.null and not new.null and new.db_default is NOT_PROVIDED:
        return "the last version may still write null; give it db_default first"
    return "its index locks the table; use AddIndexConcurrently" if _has_index(new) and not _has_index(old) else ""


def _is_wider(was: str, becomes: str) -> bool:
    sizes = [re.fullmatch(r"varchar\((\d+)\)", each) for each in (was, becomes)]
    return bool(sizes[0]) and (
        becomes in ("varchar", "text") or bool(sizes[1] and int(sizes[1][1]) >= int(sizes[0][1]))
    )


def _has_index(field: Any) -> bool:
    return bool(field.db_index or field.unique)
