"""How values look on the wire: camelCase names, enums by name, instants, TimeSpans; and what no body may hold."""

import copy
import difflib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from pydantic.alias_generators import to_camel
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

# Deeper than anything that means something here; `parameters` has a limit of its own below this.
MAX_DEPTH = 32
STRANGERS_NAMED_AT_MOST = 20
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


# --- Serializers -----------------------------------------------------------------------------------------------------
class CamelCase(serializers.Serializer[Any]):
    """Fields are declared in snake_case and stand in JSON, and in errors, in camelCase."""

    names: ClassVar[dict[str, str]] = {}  # those that stand under another name: `from` cannot be declared in Python

    def get_fields(self) -> dict[str, Any]:
        """A copy of the class's fields: building them from a model takes ten times as long as copying them."""
        kind = type(self)
        if kind not in _fields:
            _fields[kind] = self._renamed(super().get_fields())
        return copy.deepcopy(_fields[kind])

    def _renamed(self, declared: dict[str, Any]) -> dict[str, Any]:
        fields = {}
        for name, field in declared.items():
            name_there = self.names.get(name) or to_camel(name)
            if name_there != name and field.source is None:
                field.source = field._kwargs["source"] = name  # copies are made from _kwargs
            fields[name_there] = field
        return fields


_fields: dict[type, dict[str, Any]] = {}


class Strict(CamelCase):
    """Refuses, by name, every field that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        faults = self._strangers(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except ValidationError as fault:
            raise ValidationError({**dict(fault.detail), **faults}) from None  # type: ignore[arg-type]
        if faults:
            raise ValidationError(faults)
        return value

    def refuses(self, name: str) -> str | None:
        """Why this field may not be given; None when it may."""
        if name in self.fields:
            return None
        near = difflib.get_close_matches(name[:100], self.fields, n=1)
        if near:
            return _("There is no such field. Did you mean “%(near)s”?") % {"near": near[0]}
        return _("There is no such field.")

    def _strangers(self, data: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
        reasons: dict[str, list[ErrorDetail]] = {}
        for name in data:
            if reason := self.refuses(name):
                reasons[name[:100]] = [ErrorDetail(reason, code="unknown")]
            if len(reasons) == STRANGERS_NAMED_AT_MOST:
                break
        return reasons


class Query(CamelCase):
    """The query string of a list. Parameters that are empty count as not given."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        query = cls(data={name: value for name, value in request.query_params.items() if value != ""})
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)


# --- Fields ----------------------------------------------------------------------------------------------------------
class EnumField(serializers.ChoiceField):
    """A word of an enum, taken in any case and given as it is written there."""

    default_error_messages = {"invalid_choice": gettext_lazy("“{input}” is not possible here. Choose from: {known}.")}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and data.isascii():
            for word in self.choices:
                if word.lower() == data.lower():
                    return word
        shown = str(data)[:100] if isinstance(data, str | int | float) else type(data).__name__
        return self.fail("invalid_choice", input=shown, known=", ".join(self.choices))


class Instant(serializers.DateTimeField):
    """ISO 8601, given in UTC with Z; one that comes without an offset counts as UTC."""

    def to_internal_value(self, value: Any) -> datetime:
        instant = super().to_internal_value(value)
        if not EARLIEST <= instant <= LATEST:
            raise ValidationError(_("Give an instant between the years 1970 and 9998."))
        return instant


@extend_schema_field({"type": "string", "examples": ["00:02:15", "1.02:03:04.567890"]})
class TimeSpan(serializers.DurationField):
    """A duration as .NET writes one: `hh:mm:ss[.ffffff]`, with `d.` in front from a day on."""

    def to_representation(self, value: timedelta) -> str:
        return timespan(value)


class TextOrNull(serializers.CharField):
    """A text that the database keeps as empty, and that JSON shows as null, when there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, "allow_blank": True, **options})

    def to_representation(self, value: Any) -> Any:
        return value or None


class CodedInteger(serializers.IntegerField):
    """A whole number in a range, whose error carries a code of ours."""

    def __init__(self, *, code: str, **options: Any) -> None:
        super().__init__(**options)
        self.code = code

    def run_validators(self, value: Any) -> None:
        try:
            super().run_validators(value)
        except ValidationError as fault:
            raise ValidationError([ErrorDetail(str(detail), code=self.code) for detail in fault.detail]) from None


@extend_schema_field({"type": ["object", "string", "null"], "additionalProperties": True})
class ParametersField(serializers.Field[Any, Any, Any, Any]):
    """A JSON object, or a string that holds one, or null. Whether it suits the job type is the model's question."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            value = parse_json(data) if isinstance(data, str) else data
        except ValueError as fault:
            raise ValidationError(str(fault)) from None
        if not isinstance(value, dict):
            raise ValidationError(_("Give a JSON object, a string that holds one, or null."))
        if fault_text := unfit(value):
            raise ValidationError(fault_text)
        return value

    def to_representation(self, value: Any) -> Any:
        return value


class WireModelSerializer(CamelCase, serializers.ModelSerializer[Any]):
    """A model's fields in these clothes."""

    serializer_choice_field = EnumField
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: Instant,
        models.DurationField: TimeSpan,
    }


def timespan(value: timedelta) -> str:
    """`hh:mm:ss[.ffffff]`, with `d.` in front from a day on, and a minus before what is negative."""
    sign, value = ("-", -value) if value < timedelta() else ("", value)
    hours, rest = divmod(value.seconds, 3600)
    days = f"{value.days}." if value.days else ""
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return f"{sign}{days}{hours:02}:{rest // 60:02}:{rest % 60:02}{fraction}"


# --- JSON that may be hostile ----------------------------------------------------------------------------------------
def parse_json(text: str) -> Any:
    """The value. Raises ValueError with a sentence that helps; `unfit` looks at what is inside."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except json.JSONDecodeError as fault:
        text = _("This is not valid JSON: line %(line)d, column %(column)d: %(what)s.")
        raise ValueError(text % {"line": fault.lineno, "column": fault.colno, "what": fault.msg}) from None
    except ValueError:
        raise ValueError(_("This is not valid JSON: it holds a number that is too long, NaN or Infinity.")) from None


def unfit(value: Any) -> str | None:
    """What makes a parsed value unfit for keeping, as a sentence. Looks level by level, without recursion."""
    level, depth = [value], 0
    while level:
        for leaf in level:
            if isinstance(leaf, str) and (fault := _unfit_text(leaf)):
                return fault
            if isinstance(leaf, float) and not math.isfinite(leaf):
                return _("This holds a number that is too large.")
        level = [
            part
            for node in level
            if isinstance(node, dict | list)
            for part in ([*node.keys(), *node.values()] if isinstance(node, dict) else node)
        ]
        depth += 1
        if depth > MAX_DEPTH:
            return _too_deep()
    return None


def _unfit_text(text: str) -> str | None:
    if "\x00" in text:
        return _("This holds a NUL character, which cannot be stored.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return _("This holds half of a surrogate pair, which is no character.")
    return None


def _too_deep() -> str:
    return _("This is nested deeper than %(max)d levels.") % {"max": MAX_DEPTH}


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
