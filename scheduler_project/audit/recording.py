"""Writes down what was done, in the transaction in which it was done: there is never the one without the other."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.dispatch import receiver

from executions import ids
from jobs.clock import database_now
from jobs.deeds import Deed, acted
from jobs.models import SYSTEM_USER_ID
from scheduler_project.audit import caller
from scheduler_project.audit.hiding import shown
from scheduler_project.audit.models import Record

ROWS_PER_STATEMENT = 1_000
SYSTEM_NAME = "system"
_LONGEST = {field.name: field.max_length for field in Record._meta.fields if field.max_length}


def record(deeds: Sequence[Deed]) -> None:
    """However many, in few statements. What the database refuses is raised, and undoes the deeds."""
    if not deeds:
        return
    now: Any = database_now() if any(deed.at is None for deed in deeds) else None
    who = {by: _caller(by) for by in {deed.by for deed in deeds}}
    rows = [_row(deed, who[deed.by], deed.at or now) for deed in deeds]
    Record.objects.bulk_create(rows, batch_size=ROWS_PER_STATEMENT)


@receiver(acted)
def _record_one(deed: Deed, **_kwargs: Any) -> None:
    record([deed])


def _caller(by: uuid.UUID | None) -> caller.Caller:
    """Who asks; where a verb was told of somebody else, that one, by the name that they have now."""
    who = caller.current(by)
    if by == SYSTEM_USER_ID:
        return replace(who, user_id=by, user_name=SYSTEM_NAME)
    if by is None or (by == who.user_id and who.user_name):
        return who
    users = get_user_model()._default_manager.filter(pk=by)
    return replace(who, user_id=by, user_name=users.values_list("username", flat=True).first() or "")


def _row(deed: Deed, who: caller.Caller, at: datetime) -> Record:
    before, after = shown(deed.before, deed.after)
    texts = {
        "user_name": who.user_name, "credential": who.credential, "address": who.address,
        "correlation_id": who.correlation_id, "action": deed.action, "subject_type": deed.kind,
        "subject_id": str(deed.id), "subject_name": deed.name,
    }  # fmt: skip
    return Record(
        id=ids.of_request(at), at=at, user_id=who.user_id, means=who.means, before=before, after=after,
        **{name: text[: _LONGEST[name]] for name, text in texts.items()},
    )  # fmt: skip
