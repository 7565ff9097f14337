"""The demo's pages: what is there, that nothing of what was received runs in them, and the switches."""

import re

import requests

from tests.demo.demo_process import RunningDemo

INSIDE = "/notificationservice/api/internal/notifications/email"
HTML = '<html><body style="color: red"><h1 title="&quot;">Ventas & más</h1></body></html>'


def send(demo: RunningDemo, inside: dict[str, str], **change: object) -> str:
    mail = {"to": "ana@correo.example", "subject": "Reporte", "body": HTML, **change}
    answer = demo.post(INSIDE, mail, headers=inside)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["notificationId"])


def test_the_overview_shows_what_waits_and_what_the_services_do(demo: RunningDemo) -> None:
    demo.tell("gateway", "failing", status=500, minutes=5)
    demo.get("/gateway/health")
    page = demo.get("/").text
    assert "SyncVehiclePricesJob" in page and "1,400" in page
    gateway = page[page.index(">gateway<") :]
    assert "500" in gateway[:300] and "for 4" in gateway[:400]
    assert re.search(r'value="gateway:failing" aria-pressed="true"', page)
    assert re.search(r'value="authservice:normal" aria-pressed="true"', page)
    assert "files in cold storage, 0" in page


def test_the_cold_storage_is_counted(demo: RunningDemo) -> None:
    folder = demo.cold_storage / "logs" / "2026"
    folder.mkdir(parents=True)
    (folder / "a.jsonl.gz").write_bytes(b"x" * 2_048)
    try:
        assert "file in cold storage, 2.0\xa0KB" in demo.get("/").text
    finally:
        (folder / "a.jsonl.gz").unlink()


def test_the_mailbox_shows_what_was_sent_newest_first(demo: RunningDemo, inside: dict[str, str]) -> None:
    assert "No e-mail yet" in demo.get("/mailbox/").text
    first = send(demo, inside)
    second = send(demo, inside, to="baja.ana@sin-avisos.example", subject="Zweite")
    page = demo.get("/mailbox/").text
    assert page.index(second) < page.index(first)
    assert "ConsentBlocked" in page and "ana@correo.example" in page and "Reporte" in page


def test_a_message_is_shown_in_a_frame_that_runs_nothing(demo: RunningDemo, inside: dict[str, str]) -> None:
    page = demo.get(f"/mailbox/{send(demo, inside)}/").text
    (frame,) = re.findall(r"<iframe[^>]*>", page)
    assert 'sandbox=""' in frame
    assert "&lt;h1 title=&quot;&amp;quot;&quot;&gt;Ventas &amp; más&lt;/h1&gt;" in frame
    assert "<h1 title" not in page


def test_plain_text_is_shown_as_text(demo: RunningDemo, inside: dict[str, str]) -> None:
    page = demo.get(f"/mailbox/{send(demo, inside, isHtml=False, body='a < b & c')}/").text
    assert "<iframe" not in page
    assert "<pre>a &lt; b &amp; c</pre>" in page


def test_a_long_list_goes_on(demo: RunningDemo) -> None:
    demo.rows("okla", "INSERT INTO emails (recipient, subject, body, is_html, status)"
              " SELECT 'a@b', 'subject ' || n, 'b', true, 'Sent' FROM generate_series(1, 150) n")  # fmt: skip
    page = demo.get("/mailbox/").text
    assert "subject 150<" in page and "subject 51<" in page and "subject 50<" not in page
    (further,) = re.findall(r'href="(\?before=\d+)"', page)
    rest = demo.get(f"/mailbox/{further}").text
    assert "subject 50<" in rest and "subject 1<" in rest and "before=" not in rest


def test_requests_are_listed_by_service_and_shown_whole(demo: RunningDemo, inside: dict[str, str]) -> None:
    send(demo, inside, subject="<b>bold</b>")
    demo.get("/gateway/health")
    page = demo.get("/requests/").text
    assert "GET /gateway/health" in page and f"POST {INSIDE}" in page
    assert "GET /gateway/health" not in demo.get("/requests/?service=notificationservice").text
    shown = demo.get("/requests/1/").text
    assert "&lt;b&gt;bold&lt;/b&gt;" in shown and "<b>bold" not in shown
    assert demo.get("/requests/?before=odd&service=%00%27").status_code == 200
    assert demo.get("/requests/77777/").status_code == 404


def test_the_switches_are_a_form_of_this_page_only(demo: RunningDemo) -> None:
    with requests.Session() as browser:
        page = browser.get(demo.address, timeout=30).text
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        form = {"set": "gateway:down", "minutes": "10", "seconds": "2"}
        assert browser.post(f"{demo.address}/faults", data=form, timeout=30).status_code == 403
        answer = browser.post(f"{demo.address}/faults", data={**form, "csrfmiddlewaretoken": token}, timeout=30)
        assert 'value="gateway:down" aria-pressed="true"' in answer.text
        odd = {**form, "set": "gateway:odd", "csrfmiddlewaretoken": token}
        assert browser.post(f"{demo.address}/faults", data=odd, timeout=30).status_code == 400
    assert demo.get("/gateway/health").status_code == 503


def test_the_pages_need_nothing_from_elsewhere(demo: RunningDemo) -> None:
    page = demo.get("/").text
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert demo.get(style).headers["Content-Type"].startswith("text/css")


def test_the_pages_speak_the_readers_language(demo: RunningDemo) -> None:
    assert '<html lang="es">' in demo.get("/", headers={"Accept-Language": "es-DO"}).text
    assert '<html lang="en">' in demo.get("/", headers={"Accept-Language": "en"}).text


def test_while_the_databases_are_not_there_everybody_is_told_what_to_do(demo: RunningDemo) -> None:
    name = demo.databases.name("okla")
    with demo.databases.alone() as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        server.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"'.encode())
        try:
            for path in ("/", "/mailbox/", "/gateway/health", "/health"):
                answer = demo.get(path)
                assert answer.status_code == 503
                assert "python manage.py demo reset" in answer.text
        finally:
            server.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"'.encode())
