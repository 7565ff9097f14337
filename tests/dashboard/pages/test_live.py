"""What `live.js` gets: one answer for all who would get the same, and nothing in it that is one person's."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client, RequestFactory

from dashboard import live
from executions.models import JobExecution
from tests.admin_pages import person, said, text
from tests.factories import ended

LIVE = {"X-Live": "1"}
SHORT_WAY = "dashboard.live_middleware.live_middleware"


@pytest.fixture(autouse=True)
def short_way(settings: Any) -> None:
    """In the place that it has in the service."""
    if SHORT_WAY not in settings.MIDDLEWARE:
        settings.MIDDLEWARE = [settings.MIDDLEWARE[0], SHORT_WAY, *settings.MIDDLEWARE[1:]]


def test_an_answer_is_made_once_for_all_of_a_role(
    someone: Callable[[str], Client], service: dict[str, Any], django_assert_num_queries: Any
) -> None:
    first, second = someone("viewer"), someone("viewer")
    made = first.get("/", headers=LIVE)
    with django_assert_num_queries(3):  # the session, the user, the groups
        shared = second.get("/", headers=LIVE)
    assert shared.content == made.content and "Sync Vehicle Prices" in text(shared)


def test_it_holds_nothing_of_one_person(
    someone: Callable[[str], Client], addresses: dict[str, tuple[str, ...]]
) -> None:
    client = someone("operator")
    for address in addresses:
        answer = client.get(address, headers=LIVE)
        assert "operator-person" not in answer.content.decode(), address
        assert "csrfmiddlewaretoken" not in answer.content.decode(), address
        assert answer["Cache-Control"] == "private, no-store" and "csrftoken" not in answer.cookies


def test_its_regions_are_those_of_the_page_but_for_the_tokens(
    someone: Callable[[str], Client], addresses: dict[str, tuple[str, ...]]
) -> None:
    """So that live.js, which puts the page's own token into the forms, finds nothing changed."""
    client = someone("operator")
    for address in addresses:
        page, answer = (client.get(address, headers=headers).content.decode() for headers in ({}, LIVE))
        token = re.search(r'<input type="hidden" name="csrfmiddlewaretoken" value="[^"]+">', page)
        assert token
        behind = re.sub(r'(<form method="post"[^>]*>)', rf"\1{token[0]}", main(answer))
        assert but_for_the_moment(behind) == but_for_the_moment(main(page)), address


def main(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]


def but_for_the_moment(page: str) -> str:
    """Without the log, which the answer leaves out, and what goes on from one request to the next."""
    return re.sub(r'<pre class="block log".*?</pre>|<svg.*?</svg>|<time.*?</time>', "", page, flags=re.DOTALL)


def test_a_page_with_messages_keeps_them_for_its_reader(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client = someone("operator")
    client.post(f"/jobs/{service['disabled'].id}/do/run_now")
    assert 'class="band warn"' not in client.get("/jobs", headers=LIVE).content.decode()
    assert len(said(client.get("/jobs"))) == 1


def test_roles_and_languages_do_not_share(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    address = f"/executions/{service['running'].id}"
    viewer, operator = (someone(role).get(address, headers=LIVE) for role in ("viewer", "operator"))
    assert "/do/cancel" not in viewer.content.decode() and "/do/cancel" in operator.content.decode()
    spanish = someone("viewer").get(address, headers={**LIVE, "Accept-Language": "es"})
    assert spanish.content != viewer.content and b'lang="es"' in spanish.content


def test_who_has_it_already_gets_no_body_until_something_changes(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client, address = someone("viewer"), f"/executions/{service['running'].id}"
    tag = client.get(address, headers=LIVE)["ETag"]
    live.forget()
    same = client.get(address, headers={**LIVE, "If-None-Match": tag})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
    ended(service["running"])
    live.forget()
    assert client.get(address, headers={**LIVE, "If-None-Match": tag}).status_code == 200


def test_the_log_is_not_sent_again_and_again(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client, failed = someone("viewer"), service["failed"]
    JobExecution.objects.filter(pk=failed.pk).update(output="a line of the log\n" * 1_000)
    assert client.get(f"/executions/{failed.id}").content.count(b"a line of the log") == 1_000
    assert b"a line of the log" not in client.get(f"/executions/{failed.id}", headers=LIVE).content


# --- Passes ----------------------------------------------------------------------------------------------------------
def test_with_a_pass_nobody_asks_the_database(
    someone: Callable[[str], Client], service: dict[str, Any], django_assert_num_queries: Any
) -> None:
    client = someone("viewer")
    made = client.get("/", headers=LIVE)
    with django_assert_num_queries(0):
        again = client.get("/", headers={"X-Live": made["X-Live-Pass"]})
    assert again.content == made.content
    same = client.get("/", headers={"X-Live": made["X-Live-Pass"], "If-None-Match": made["ETag"]})
    assert same.status_code == 304


def test_a_pass_is_of_no_use_to_anybody_else(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client = someone("operator")
    given = {"X-Live": client.get("/", headers=LIVE)["X-Live-Pass"]}
    assert Client().get("/", headers=given).status_code == 302
    assert someone("nobody").get("/", headers=given).status_code == 403
    client.logout()
    assert client.get("/", headers=given).status_code == 302


def test_a_pass_does_not_say_more_than_it_was_given_for(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    address = f"/executions/{service['running'].id}"
    operators, viewer = someone("operator").get(address, headers=LIVE), someone("viewer")
    given = viewer.get(address, headers=LIVE)["X-Live-Pass"]
    assert b"/do/cancel" in operators.content
    for forged in (given, given.replace(" 00 ", " 11 "), given.replace(" 00 ", " 10 ")):
        assert b"/do/cancel" not in viewer.get(address, headers={"X-Live": forged}).content


def test_who_lost_the_role_sees_no_more_when_the_pass_is_over(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client = someone("viewer")
    given = {"X-Live": client.get("/", headers=LIVE)["X-Live-Pass"]}
    person("viewer").groups.clear()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=live.PASS_SECONDS + 2)):
        assert client.get("/", headers=given).status_code == 403
    live.forget()
    assert client.get("/", headers=given).status_code == 403


# --- Keeping ---------------------------------------------------------------------------------------------------------
def asked(address: str = "/") -> Any:
    return RequestFactory().get(address, headers=LIVE)


def test_who_comes_while_it_is_made_waits_for_it() -> None:
    begun, may_end, made = threading.Event(), threading.Event(), []

    def make() -> bytes:
        made.append(1)
        begun.set()
        assert may_end.wait(60)
        return b"made"

    answers: list[bytes] = []
    watchers = [
        threading.Thread(target=lambda: answers.append(live.respond(asked(), "00", make, seconds=60).content))
        for _number in range(5)
    ]
    for watcher in watchers:
        watcher.start()
    assert begun.wait(60)
    may_end.set()
    for watcher in watchers:
        watcher.join(60)
    assert answers == [b"made"] * 5 and made == [1]


def test_what_is_no_longer_fresh_is_made_anew_and_a_fault_is_not_kept() -> None:
    assert live.respond(asked(), "00", lambda: b"old", seconds=0).content == b"old"
    with pytest.raises(ZeroDivisionError):
        live.respond(asked(), "00", lambda: bytes(1 // 0), seconds=60)
    assert live.respond(asked(), "00", lambda: b"new", seconds=60).content == b"new"


def test_not_more_is_kept_than_there_is_room_for() -> None:
    for number in range(3 * live.MOST_KEPT):
        live.respond(asked(f"/?span={number}"), "00", lambda: b"", seconds=60)
    assert len(live._kept) <= live.MOST_KEPT
