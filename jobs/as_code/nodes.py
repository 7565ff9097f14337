"""YAML as values that know their line: made from the parser's events, so that hostile depth and size end as a fault.

PyYAML's own composer recurses in C and dies of deep nesting, and keeps the last of two equal keys without a word.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.translation import gettext as _

from jobs.as_code.faults import Fault, FaultyFile, Mark

MOST_LEVELS = 32
# With aliases a small file may stand for a huge one.
MOST_VALUES = 2_000_000
TEXT, NULL, BOOLEAN, INTEGER, FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float"))
MERGE = "<<"
# Plain scalars as YAML 1.2 and JSON read them: `no` and `12:30` are texts.
SCALARS = (
    (NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), "~nN"),
    (BOOLEAN, re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    (INTEGER, re.compile(r"[-+]?[0-9]{1,30}\Z"), "-+0123456789"),
    (FLOAT, re.compile(r"[-+]?(?:\.[0-9]+|[0-9]{1,30}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,5})?\Z"), "-+.0123456789"),
)
NEEDS_QUOTES = re.compile(r"""^[\s-]*[\w"']+\s*:\s+([*@%&!`|>\[{])""")
_READ: dict[str, Callable[[str], Any]] = {
    TEXT: str, NULL: lambda text: None, BOOLEAN: lambda text: text.lower() == "true", INTEGER: int, FLOAT: float,
}  # fmt: skip
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class Node:
    """`value`: None, a bool, an int, a float, a text, a list of nodes, or a dict of members by name."""

    mark: Mark
    value: Any
    size: int = 1  # values in it, each as often as it is named

    def plain(self) -> Any:
        """The value without its marks, as JSON would hold it."""
        if isinstance(self.value, dict):
            return {name: member.node.plain() for name, member in self.value.items()}
        return [item.plain() for item in self.value] if isinstance(self.value, list) else self.value


@dataclass(frozen=True)
class Member:
    """One `name: value` of a mapping; `mark` is where the name stands."""

    mark: Mark
    node: Node


def compose(text: str, faults: list[Fault]) -> Node | None:
    """The one document of the file, None when it is empty. Raises FaultyFile for what is no YAML.

    What can be read all the same, a name given twice say, is added to `faults`.
    """
    try:
        return _Composer(yaml.parse(text, Loader=_Loader), faults).document()
    except UnicodeEncodeError:
        raise FaultyFile([Fault(Mark(), _("The file holds characters that are no valid text."))]) from None
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        raise FaultyFile([_syntax_fault(text, fault, mark)]) from None
    except yaml.YAMLError as fault:
        raise FaultyFile([Fault(Mark(), _("This is not YAML: %(what)s.") % {"what": _first_line(fault)})]) from None


class _Composer:
    """Recurses no deeper than MOST_LEVELS."""

    def __init__(self, events: Iterator[Any], faults: list[Fault]) -> None:
        self.events, self.faults = events, faults
        self.anchors: dict[str, Node] = {}

    def document(self) -> Node | None:
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _refused(event, _("There is a second document. Put all jobs into one."))
                root = self._node(next(self.events), 0)
        return root

    def _node(self, event: Any, level: int) -> Node:
        if level > MOST_LEVELS:
            raise _refused(event, _("This is nested deeper than %(max)d levels.") % {"max": MOST_LEVELS})
        if isinstance(event, yaml.AliasEvent):
            return self._named(event)
        if isinstance(event, yaml.ScalarEvent):
            node = Node(_mark(event), self._scalar(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._refuse_tag(event)
            node = self._list(event, level)
        else:
            self._refuse_tag(event)
            node = self._mapping(event, level)
        if node.size > MOST_VALUES:
            raise _refused(event, _("This holds more than %(max)d values.") % {"max": MOST_VALUES})
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _named(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            text = _("Nothing above has the anchor &%(name)s. If the value begins with *, put it in quotes.")
            raise _refused(event, text % {"name": event.anchor})
        known = self.anchors[event.anchor]
        return Node(_mark(event), known.value, known.size)

    def _list(self, start: Any, level: int) -> Node:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, level + 1))
        return Node(_mark(start), items, 1 + sum(item.size for item in items))

    def _mapping(self, start: Any, level: int) -> Node:
        members: dict[str, Member] = {}
        merged: dict[str, Member] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            name, mark = self._name(event), _mark(event)
            node = self._node(next(self.events), level + 1)
            if name == MERGE and event.implicit[0]:
                merged |= {other: member for other, member in self._merged(node).items() if other not in merged}
            elif name in members:
                text = _("“%(name)s” stands here twice, first in line %(line)d. Leave one of them out.")
                self._blame(mark, text % {"name": name, "line": members[name].mark.line})
            else:
                members[name] = Member(mark, node)
        members = merged | members
        return Node(_mark(start), members, 1 + sum(member.node.size for member in members.values()))

    def _merged(self, node: Node) -> dict[str, Member]:
        sources = node.value if isinstance(node.value, list) else [node]
        members: dict[str, Member] = {}
        for source in sources:
            if isinstance(source.value, dict):
                members = source.value | members
            else:
                self._blame(node.mark, _("<< takes a mapping, or a list of mappings."))
        return members

    def _name(self, event: Any) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        raise _refused(event, _("A name must be a text."))

    def _scalar(self, event: Any) -> Any:
        text = str(event.value)
        if event.tag in (TEXT, "!") or (event.tag is None and not event.implicit[0]):
            return text
        if event.tag is not None:
            self._refuse_tag(event)
            return text
        return scalar(text)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            text = _("The tag %(tag)s is not understood here. Write the value without it.")
            self._blame(_mark(event), text % {"tag": event.tag})

    def _blame(self, mark: Mark, message: str) -> None:
        self.faults.append(Fault(mark, message))


def scalar(text: str) -> Any:
    """The value of a plain scalar."""
    tag = next((tag for tag, pattern, _first in SCALARS if pattern.match(text)), TEXT)
    return _READ[tag](text)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _refused(event: Any, message: str) -> FaultyFile:
    return FaultyFile([Fault(_mark(event), message)])


def _syntax_fault(text: str, fault: yaml.MarkedYAMLError, mark: Any) -> Fault:
    message = _("This is not YAML: %(what)s.") % {"what": fault.problem or _first_line(fault)}
    lines = text.splitlines()
    if mark.line < len(lines) and (found := NEEDS_QUOTES.match(lines[mark.line])):
        message = _("The value begins with %(sign)s, which means something in YAML. Put it in quotes.")
        message %= {"sign": found[1]}
    return Fault(Mark(mark.line + 1, mark.column + 1), message)


def _first_line(fault: Exception) -> str:
    return str(fault).splitlines()[0]
