"""The demo's process: its services and its pages, and a clock that adds the rows of each new day."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from typing import Any, TypeAlias

import django
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.utils import timezone

from jobs import business_days
from scheduler_project.demo import databases, exchange, population
from scheduler_project.demo.guard import refuse_in_production

LOOK_SECONDS = 60
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
log = logging.getLogger("scheduler_project.demo")


class DemoRequest(ASGIRequest):
    urlconf = "scheduler_project.demo.urls"  # in the place of ROOT_URLCONF


class Demo(ASGIHandler):
    """Answers once its databases are there, with the rows of today. Needs a server that speaks ASGI's lifespan."""

    request_class = DemoRequest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            day = await asyncio.to_thread(bring_up)
        except Exception as fault:
            await send({"type": "lifespan.startup.failed", "message": str(fault)})
            return
        keeping_up = asyncio.create_task(keep_up(day))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        keeping_up.cancel()
        with suppress(asyncio.CancelledError):
            await keeping_up
        exchange.ending.set()
        await send({"type": "lifespan.shutdown.complete"})


def bring_up() -> date:
    """Make the databases, or add the rows of the days since; return the day they are up to."""
    day = business_days.day_of(timezone.now())
    for done in population.ensure(databases.current(), day=day):
        log.info("%s", done)
    return day


async def keep_up(day: date, *, look_seconds: float = LOOK_SECONDS) -> None:
    """Bring them up again on every new day there, as long as this runs."""
    while True:
        await asyncio.sleep(look_seconds)
        if business_days.day_of(timezone.now()) != day:
            try:
                day = await asyncio.to_thread(bring_up)
            except Exception:
                log.exception("The rows of the new day could not be added; tried again in %s s", look_seconds)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
django.setup(set_prefix=False)
refuse_in_production()
application = Demo()
