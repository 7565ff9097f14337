"""A real Chromium, headless, in front of the service. Pictures are kept in var/screenshots."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.admin_pages import person

SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / "var" / "screenshots"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 360, "height": 780}}
SERIOUS = ("serious", "critical")
PATIENCE_MS = 30_000

# Playwright's own event loop runs in the thread of the test, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@dataclass
class Reader:
    """Somebody in front of a browser. `faults`: what the console complained of, and requests that failed."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^a-z0-9-]+', '-', name.lower())}.png", full_page=True)

    def accessibility_faults(self) -> list[str]:
        """What axe-core takes for serious, each with the first element at fault."""
        known = len(self.faults)
        found = Axe().run(self.page).response["violations"]
        del self.faults[known:]  # by its looking it offends the page's policy, which is not the page's fault
        return [
            f"{fault['id']}: {fault['help']} {fault['nodes'][0]['html'][:200]}"
            for fault in found
            if fault["impact"] in SERIOUS
        ]


# Not for the session: its event loop would go on in the thread of all later tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if executable is None:
        pytest.fail("No Chromium was found. On Debian: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@dataclass
class Readers:
    """Those of one test."""

    browser: Browser
    opened: list[tuple[Reader, BrowserContext]] = field(default_factory=list)

    def open(self, base: str, *, language: str = "en", theme: str = "light", size: str = "wide") -> Reader:
        context = self.browser.new_context(
            viewport=SIZES[size], locale="es-DO" if language == "es" else "en-US", color_scheme=theme,
            timezone_id="America/Santo_Domingo",
        )  # fmt: skip
        context.set_default_timeout(PATIENCE_MS)
        reader = Reader(context.new_page(), base)
        reader.page.on("console", lambda said: said.type in ("error", "warning") and reader.faults.append(said.text))
        reader.page.on("pageerror", lambda fault: reader.faults.append(str(fault)))
        reader.page.on("response", lambda got: got.status >= 400 and reader.faults.append(f"{got.status} {got.url}"))
        self.opened.append((reader, context))
        return reader

    def close(self) -> None:
        """No fault is let pass."""
        faults = [fault for reader, _context in self.opened for fault in reader.faults]
        for _reader, context in self.opened:
            context.close()
        assert faults == []


@pytest.fixture
def visitor(browser: Browser, transactional_db: None) -> Iterator[Any]:
    """`visitor(address, language, theme, size)` gives a Reader whom nobody knows."""
    readers = Readers(browser)
    yield readers.open
    readers.close()


@pytest.fixture
def reader(browser: Browser, transactional_db: None, live_server: Any) -> Iterator[Any]:
    """`reader(role, language, theme, size)` logs somebody in and gives a Reader."""
    readers = Readers(browser)

    def log_in(role: str = "admin", **look: str) -> Reader:
        reader, client = readers.open(live_server.url, **look), Client()
        client.force_login(person(role))
        key = client.cookies["sessionid"].value
        reader.page.context.add_cookies([{"name": "sessionid", "value": key, "url": live_server.url}])
        return reader

    yield log_in
    readers.close()
