"""What all pages share: who may come in, what stands around them, and that they can be fetched again in part."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.mixins import AccessMixin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import View

from dashboard import live, metrics
from jobs import cron
from jobs.admin.display import zone_of
from jobs.models import ScheduledJob


@dataclass(frozen=True)
class Section:
    """A way in the navigation: the page's url name, its words, and the key after `g` that leads there."""

    name: str
    label: Any
    key: str


SECTIONS = (
    Section("overview", gettext_lazy("Overview"), "o"),
    Section("alerts-page", gettext_lazy("Alerts"), "a"),
    Section("jobs-page", gettext_lazy("Jobs"), "j"),
    Section("executions-page", gettext_lazy("Executions"), "e"),
    Section("timeline", gettext_lazy("Timeline"), "t"),
)


class Page(AccessMixin, View, ABC):
    """One page. A subclass names its `template` and its `section` of the navigation, and gives its `context`.

    Regions of a template that carry `data-live` and an id are fetched again by `live.js`: the page's own address,
    of which only they are taken over. Such an answer is shared by all of one role for `live_seconds`, which must be
    shorter than `live.js` waits: who has just changed something shall not see it as it was.
    """

    template = ""
    section = ""
    live_seconds = 3.0
    moment: metrics.Moment

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if not can_view(request):
            return render(request, "dashboard/no_permission.html", {"section": "", "sections": ()}, status=403)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not live.is_live(request):
            return HttpResponse(self.html(request, {}, **kwargs))
        role = f"{can_operate(request):d}{can_administer(request):d}"
        make = partial(self.html, request, live.NOBODY, **kwargs)
        return live.respond(request, role, make, seconds=self.live_seconds)

    @classmethod
    def again(
        cls, request: HttpRequest, place: str, beside: Mapping[str, Any], *, status: int = 200, **kwargs: Any
    ) -> HttpResponse:
        """The page as the answer to a form of it that was at fault: `beside` holds the form as it was filled in.

        `place`: the page's own address, which it is fetched from again; `kwargs` are those in it.
        """
        return HttpResponse(cls().html(request, {**beside, "live_url": place}, **kwargs), status=status)

    def html(self, request: HttpRequest, beside: Mapping[str, Any], **kwargs: Any) -> bytes:
        self.moment = metrics.moment()
        context = {**frame(request, self.section, self.moment), **self.context(request, **kwargs), **beside}
        with timezone.override(zone_of(cron.DEFAULT_TIME_ZONE)):  # what names no zone of its own is in the business's
            return render_to_string(self.template, context, request).encode()

    @abstractmethod
    def context(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]: ...


def frame(request: HttpRequest, section: str, moment: metrics.Moment | None = None) -> dict[str, Any]:
    """What stands around a page. `may_operate` and `may_administer` say which doors it shows; the doors ask again."""
    moment = moment or metrics.moment()
    flower = settings.SCHEDULER_FLOWER_URL
    places = [(_("Admin"), reverse("admin:index")), (_("API"), reverse("docs")), (_("Flower"), flower)]
    return {
        "section": section,
        "sections": SECTIONS,
        "now": moment.now,
        "hold": moment.hold,
        "open_alerts": moment.open_alerts,
        "may_operate": can_operate(request),
        "may_administer": can_administer(request),
        "flower_url": flower,
        "elsewhere": [(label, url) for label, url in places if url],
    }


def asked_text(request: HttpRequest, name: str) -> str:
    """A parameter of the address; without what PostgreSQL takes in no text."""
    return request.GET.get(name, "").replace("\0", "").strip()


def key_of(text: str | None) -> uuid.UUID | None:
    """None for what is none."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


# About an object Django's own backend has nothing to say, and asks no tables for it: it is the roles that answer.
ANY_JOB = ScheduledJob()


def can_view(request: HttpRequest) -> bool:
    return request.user.has_perm("jobs.view_scheduledjob", ANY_JOB)


def can_operate(request: HttpRequest) -> bool:
    """Run now, retry, cancel, pause, resume, acknowledge (SPEC §9)."""
    return request.user.has_perm("jobs.operate_scheduledjob", ANY_JOB)


def can_administer(request: HttpRequest) -> bool:
    return request.user.has_perm("jobs.change_scheduledjob", ANY_JOB)
