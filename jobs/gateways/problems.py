"""What OKLA's services say when they do not do what was asked, in whichever of their shapes (OKLA.md §7)."""

from typing import Any

from jobs.gateways.content_rules import storable
from jobs.gateways.http import Answer

SAID_MAX_CHARACTERS = 300


def fields_of(answer: Answer) -> dict[str, Any]:
    """The JSON object that it is; empty when it is none."""
    fields = None if answer.is_cut else answer.json()
    return fields if isinstance(fields, dict) else {}


def said_in(answer: Answer) -> str:
    """Its words, from a problem, from {error}, from {message} or from plain text; 300 characters at most.

    They are kept with the message or the run that they are about, so nothing is left in them that cannot be.
    """
    fields = fields_of(answer)
    words = next((text for name in ("detail", "error", "message", "title") if (text := _text(fields.get(name)))), "")
    if fields.get("errors"):
        words = f"{words} {fields['errors']}".strip()
    return storable(words or answer.text or "no reason given")[:SAID_MAX_CHARACTERS]


def _text(value: Any) -> str:
    """`error` is an object with a message in some services."""
    if isinstance(value, dict):
        value = value.get("message")
    return value if isinstance(value, str) else ""
