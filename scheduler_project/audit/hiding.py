"""Values as the audit trail keeps them: as JSON, and without the secrets that may stand in them."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from pydantic.alias_generators import to_camel

from scheduler_project.masking import MASK, masked

# Headers that carry credentials, beside the names that logs know.
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


def shown(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """Both with the fields alone that differ, by their names on the wire; what was or becomes nothing stays None.

    A secret that changed is there on both sides, as a mask.
    """
    same = {name for name in before or {} if name in (after or {}) and (before or {})[name] == (after or {})[name]}
    return _side(before, same), _side(after, same)


def hidden(value: Any) -> Any:
    """The value without what stands under a secret's name, or in a text where secrets stand."""
    if isinstance(value, dict):
        return {
            masked(str(name)): MASK if _is_secret(str(name)) and each not in (None, "") else hidden(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [hidden(each) for each in value]
    return masked(value) if isinstance(value, str) else value


def _side(fields: Mapping[str, Any] | None, without: set[str]) -> Any:
    if fields is None:
        return None
    chosen = {to_camel(name): value for name, value in fields.items() if name not in without}
    return hidden(json.loads(json.dumps(chosen, cls=DjangoJSONEncoder)))


@lru_cache(maxsize=1_024)
def _is_secret(name: str) -> bool:
    """What logs hide behind `name=` is hidden here, too."""
    return name.lower() in SECRET_HEADERS or masked(f"{name}=x") != f"{name}=x"
