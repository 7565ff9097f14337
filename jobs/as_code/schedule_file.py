"""The two verbs on a file of schedules: plan it, apply it."""

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from jobs.as_code.applying import bring_about
from jobs.as_code.definitions import Definition, define
from jobs.as_code.document import Document, read
from jobs.as_code.faults import Fault, FaultyFile, Mark
from jobs.as_code.planning import Choices, Plan, make_plan
from jobs.clock import database_now


class Edited(Exception):
    """Jobs of the file were edited elsewhere, and nobody said what is to become of that; nothing was written."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(_("Nothing was applied: some jobs were edited elsewhere. Decide about them first."))
        self.plan = plan


class Disturbed(Exception):
    """Somebody changed the same jobs at the same moment; nothing was written."""

    def __init__(self) -> None:
        super().__init__(_("Somebody changed the same jobs at the same moment. Nothing was applied: try again."))


@dataclass(frozen=True)
class ScheduleFile:
    """`text` is YAML; `by` the user who asks."""

    text: str
    by: uuid.UUID

    def plan(self, choices: Choices = Choices()) -> Plan:  # noqa: B008 - it is frozen
        """What `apply` would do. Raises FaultyFile."""
        document, definitions = self._checked()
        plan = make_plan(document.set_name, definitions, choices=choices, now=database_now())
        _refuse_unknown(choices, plan)
        return plan

    def apply(self, choices: Choices = Choices()) -> Plan:  # noqa: B008 - it is frozen
        """Bring it about, all of it or nothing, and return what was done. Raises FaultyFile, Edited, Disturbed."""
        document, definitions = self._checked()
        try:
            with transaction.atomic():
                plan = make_plan(document.set_name, definitions, choices=choices, now=database_now(), lock=True)
                _refuse_unknown(choices, plan)
                if plan.is_refused:
                    raise Edited(plan)
                bring_about(plan, by=self.by)
        except IntegrityError as fault:
            raise Disturbed from fault
        return plan

    def _checked(self) -> tuple[Document, list[Definition]]:
        faults: list[Fault] = []
        document = read(self.text, faults)
        definitions = define(document.entries, by=self.by, now=database_now(), faults=faults)
        if faults:
            raise FaultyFile(faults)
        return document, definitions


def _refuse_unknown(choices: Choices, plan: Plan) -> None:
    unknown = choices.take_over - {item.key for item in plan.items}
    if unknown:
        text = _("The file has no such job to take over.")
        raise FaultyFile([Fault(Mark(), text, job=key) for key in sorted(unknown)])
