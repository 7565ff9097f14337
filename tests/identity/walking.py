"""Every route that the URL configuration has, asked by everybody in every way, each time from the same state."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.template import base
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from scheduler_project.identity.models import ApiToken, User

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = ("GET", "HEAD", "OPTIONS")
CALLERS = ("stranger", "nobody", "viewer", "operator", "admin")
BLANK = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": ["tests.identity.walking.Blank"]},
    }
]


class Blank:
    """In the place of every template."""

    is_usable = True

    def __init__(self, engine: Any) -> None:
        self.engine = engine

    def get_template(self, name: str, skip: Any = None) -> base.Template:
        return base.Template("", engine=self.engine)

    def reset(self) -> None:
        pass


def make_quick(settings: Any) -> None:
    """Without what has no say in who may do what, and takes nearly all of the time."""
    settings.TEMPLATES = BLANK
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "servestatic" not in name]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"


def routes(under: str = "") -> list[str]:
    """As the URL configuration writes them, without `under`."""
    found = [route for route in _walked(get_resolver().url_patterns) if route.startswith(under)]
    return [route.removeprefix(under) for route in found]


def _walked(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walked(pattern.url_patterns, route)
        else:
            yield route


def filled(route: str, things: Mapping[str, Any]) -> str:
    """The address of a route: `<uuid:job_id>` is what `things` has under job_id."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(things[found[1]]), route)


class Asker:
    """One client for each caller; with tokens for the API, or signed in for the pages."""

    def __init__(self, *, by_token: bool) -> None:
        self.clients = {name: self._client(name, by_token) for name in CALLERS}

    def status(self, caller: str, method: str, path: str, body: Any = None) -> int:
        """`body`: a text is a form, anything else is JSON. What was changed is taken back."""
        is_form = isinstance(body, str)
        data = body if is_form else "" if body is None else json.dumps(body)
        content_type = "application/x-www-form-urlencoded" if is_form else "application/json"
        if method in SAFE or caller in ("stranger", "nobody"):
            return int(self.clients[caller].generic(method, path, data, content_type=content_type).status_code)
        with transaction.atomic():
            response = self.clients[caller].generic(method, path, data, content_type=content_type)
            transaction.set_rollback(True)
        return int(response.status_code)

    def _client(self, name: str, by_token: bool) -> Client:
        client = Client(raise_request_exception=False)
        if name == "stranger":
            return client
        user = User.objects.create_user(f"a-{name}")
        if name != "nobody":
            user.groups.add(Group.objects.get(name=name))
        if by_token:
            token, key = ApiToken.issue(owner=user, name=name)
            token.note_use(timezone.now())  # else each request would, and it would be taken back
            client.defaults["HTTP_AUTHORIZATION"] = f"Token {key}"
        else:
            client.force_login(user)
        return client
