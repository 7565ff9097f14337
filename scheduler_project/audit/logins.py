"""The records of who came in, who could not, and who left. The name that was typed is kept only if somebody has it."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from jobs.deeds import Deed
from scheduler_project.audit.recording import record


@receiver(user_logged_in)
def _came(user: Any, **_kwargs: Any) -> None:
    record([_deed("LoggedIn", user)])


@receiver(user_logged_out)
def _left(user: Any, **_kwargs: Any) -> None:
    """`user` is None for somebody who was not signed in: nothing has changed."""
    if user is not None:
        record([_deed("LoggedOut", user)])


@receiver(user_login_failed)
def _could_not(credentials: dict[str, Any], **_kwargs: Any) -> None:
    """People type their password where the name belongs, too."""
    name = str(credentials.get("username", "")).replace("\x00", "")
    user = get_user_model()._default_manager.filter(username=name).first()
    record([Deed("LoginFailed", "User", user.pk if user else "", user.get_username() if user else "")])


def _deed(action: str, user: Any) -> Deed:
    return Deed(action, "User", user.pk, user.get_username(), by=user.pk)
