"""How a request's body is read: a JSON object, without anything that Python or PostgreSQL would choke on."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

from jobs.wire import parse_json, unfit

WHOLE_BODY = "body"  # the name in `errors` of what concerns no single field


class Body(JSONParser):
    """A JSON object of at most 1 MB (Django's own limit). An empty body is an empty object."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        raw = stream.read()
        if not raw.strip():
            return {}
        try:
            value = parse_json(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ParseError(_("The body is not UTF-8.")) from None
        except ValueError as fault:
            raise ValidationError({WHOLE_BODY: str(fault)}) from None
        if not isinstance(value, dict):
            raise ValidationError({WHOLE_BODY: _("The body must be a JSON object: {…}.")})
        if text := unfit(list(value)):
            raise ValidationError({WHOLE_BODY: text})
        if faults := {name[:100]: text for name, part in value.items() if (text := unfit(part))}:
            raise ValidationError(faults)
        return value
