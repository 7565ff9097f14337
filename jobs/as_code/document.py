"""What stands in a file of schedules: the name of the set, and the jobs field by field with their lines."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from jobs.as_code.faults import Fault, Mark
from jobs.as_code.nodes import Member, Node, compose

DEFAULT_SET = "default"
SET_MAX_LENGTH = 100
# Names that begin so are the file's own: a place for anchors.
OWN_PREFIX = "x-"


@dataclass(frozen=True)
class Entry:
    """A job as the file has it."""

    number: int  # from 1
    mark: Mark
    members: dict[str, Member]

    @property
    def label(self) -> str:
        """What a fault calls it: its key, else its name, else its number."""
        return self.text("key") or self.text("name") or _("job %(number)d") % {"number": self.number}

    def text(self, name: str) -> str:
        """The text of a member; empty when it is not there or no text."""
        value = self.members[name].node.value if name in self.members else ""
        return value if isinstance(value, str) else ""

    def fault(self, message: str, field: str = "", *, mark: Mark | None = None) -> Fault:
        """At the field's line; at the job's own where the field is not there."""
        place = self.members[field].mark if field in self.members else self.mark
        return Fault(mark or place, message, job=self.label[:100], field=field)


@dataclass(frozen=True)
class Document:
    set_name: str
    entries: tuple[Entry, ...]


def read(text: str, faults: list[Fault]) -> Document:
    """The file's content. Raises FaultyFile for what is no YAML; other faults are added to `faults`."""
    root = compose(text, faults)
    if root is None or not isinstance(root.value, dict):
        faults.append(Fault(root.mark if root else Mark(), _("Begin with “jobs:” and a list of jobs below it.")))
        return Document(DEFAULT_SET, ())
    for name, member in root.value.items():
        if name not in ("set", "jobs") and not name.startswith(OWN_PREFIX):
            text = _("There is no such section. Known are set and jobs; what is the file's own begins with x-.")
            faults.append(Fault(member.mark, text, field=name[:100]))
    return Document(_set_name(root, faults), tuple(_entries(root, faults)))


def _set_name(root: Node, faults: list[Fault]) -> str:
    if "set" not in root.value:
        return DEFAULT_SET
    member: Member = root.value["set"]
    name = member.node.value
    if not isinstance(name, str) or not name.strip() or len(name) > SET_MAX_LENGTH or not name.isprintable():
        text = _("Give the set a name of at most %(max)d characters, or leave it out.") % {"max": SET_MAX_LENGTH}
        faults.append(Fault(member.mark, text, field="set"))
        return DEFAULT_SET
    return name.strip()


def _entries(root: Node, faults: list[Fault]) -> list[Entry]:
    jobs: Any = root.value["jobs"].node if "jobs" in root.value else None
    if jobs is None or not isinstance(jobs.value, list):
        text = _("Give a list of jobs, each beginning with “- name:”. An empty one is written [].")
        faults.append(Fault(jobs.mark if jobs else root.mark, text, field="jobs"))
        return []
    entries = []
    for number, node in enumerate(jobs.value, start=1):
        if isinstance(node.value, dict):
            entries.append(Entry(number, node.mark, node.value))
        else:
            text = _("A job is a mapping: name, jobType, cronExpression and what else it needs.")
            faults.append(Fault(node.mark, text, job=_("job %(number)d") % {"number": number}))
    return entries
