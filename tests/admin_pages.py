"""People of each role and their way through the admin's pages."""

import html
import re
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from scheduler_project.identity.models import User


def person(role: str) -> User:
    """Somebody with that role and nothing else: neither staff nor superuser."""
    user, _created = User.objects.get_or_create(username=f"{role}-person")
    user.groups.add(Group.objects.get(name=role))
    return user


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(person(role))
    return client


def url(model: str, page: str, *args: Any) -> str:
    """Of a page such as changelist, add, change, delete; `model` as app_model."""
    return reverse(f"admin:{model}_{page}", args=args)


def text(response: Any) -> str:
    """What a reader sees, in one line: no tags, no runs of white space."""
    without_tags = re.sub(r"<[^>]*>", " ", response.content.decode())
    return re.sub(r"\s+", " ", html.unescape(without_tags))


def filled(response: Any, **answers: Any) -> dict[str, Any]:
    """The page's form as a browser would send it, with these answers."""
    form = response.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in values.items() if value not in (None, False)}
    return {**sent, **answers}


def said(response: Any) -> list[str]:
    """The messages of the page that came, without their tags."""
    return [re.sub(r"<[^>]*>", "", html.unescape(str(message))) for message in response.context["messages"]]
