"""Another instance, by the address and a token of its REST API."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from django.utils.translation import gettext as _

from executions.command_line.here import no_such_job
from executions.command_line.place import Exit, Json, Refusal

API = "/api/scheduler"
PAGE_SIZE = 200
CONNECT_SECONDS, ANSWER_SECONDS = 10, 120
EXITS = {
    HTTPStatus.UNAUTHORIZED: Exit.NO_ACCESS,
    HTTPStatus.FORBIDDEN: Exit.NO_ACCESS,
    HTTPStatus.NOT_FOUND: Exit.NOT_FOUND,
    HTTPStatus.CONFLICT: Exit.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED: Exit.CONFLICT,
}


class There:
    """`url` is where people open the instance, without /api/scheduler. The token goes nowhere else."""

    def __init__(self, url: str, token: str, *, page_size: int = PAGE_SIZE) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refusal(_("The address must begin with http:// or https:// and a host."), Exit.USAGE)
        if not token or not token.isascii() or not token.isprintable():
            raise Refusal(_("Give the instance's API token in SCHEDULER_API_TOKEN."), Exit.USAGE)
        self.name, self.page_size = url.rstrip("/"), page_size
        self.base = self.name.removesuffix(API) + API
        self.session = requests.Session()
        self.session.trust_env = False  # no .netrc: it would replace the token
        self.session.headers.update({"Authorization": f"Token {token}", "Accept": "application/json"})

    def jobs(self, filters: Mapping[str, str]) -> Iterator[Json]:
        page: int | None = 1
        while page:
            answer = self._ask("GET", "/jobs", query={**filters, "page": str(page), "pageSize": str(self.page_size)})
            yield from answer["items"]
            page = page + 1 if answer["hasNextPage"] else None

    def job(self, name: str) -> Json:
        near = []
        for job in self.jobs({"search": name}):
            near.append(job["key"])
            if name in (job["key"], job["name"]):
                return job
        found = self._find(f"/jobs/{quote(name, safe='')}")
        if found is None:
            raise Refusal(no_such_job(name, near), Exit.NOT_FOUND)
        return found

    def due_times(self, job: Json, count: int) -> list[Json]:
        times: list[Json] = self._ask("GET", f"/jobs/{job['id']}/next", query={"count": str(count)})["nextExecutions"]
        return times

    def change(self, job: Json, verb: str, answers: Json) -> Json:
        return self._ask("PUT", f"/jobs/{job['id']}/{verb}", answers if verb == "pause" else None)

    def run(self, job: Json, request: Json, *, idempotency_key: str) -> Json:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._ask("POST", f"/jobs/{job['id']}/run-now", request, headers=headers)

    def execution(self, execution_id: str) -> Json | None:
        return self._find(f"/executions/{execution_id}")

    def history(self, job: Json | None, filters: Mapping[str, str], *, limit: int) -> list[Json]:
        chosen = {**filters, **({"jobId": job["id"]} if job else {}), "pageSize": str(min(limit, self.page_size))}
        rows: list[Json] = []
        cursor: str | None = ""
        while cursor is not None and len(rows) < limit:
            answer = self._ask("GET", "/executions", query={**chosen, "cursor": cursor})
            rows += answer["items"]
            cursor = answer["nextCursor"]
        return rows[:limit]

    def definitions(self) -> Iterator[Json]:
        yield from sorted(self.jobs({}), key=lambda job: str(job["key"]))

    def plan(self, text: str, *, file: str, choices: Json) -> Json:
        return self._ask("POST", "/schedules/plan", {"document": text, "file": file, **choices})

    def apply(self, text: str, *, file: str, choices: Json) -> Json:
        try:
            return self._ask("POST", "/schedules/apply", {"document": text, "file": file, **choices})
        except Refusal as refusal:
            if refusal.code == Exit.CONFLICT:
                refusal.told = self.plan(text, file=file, choices=choices)
            raise

    def _find(self, path: str) -> Json | None:
        try:
            return self._ask("GET", path)
        except Refusal as refusal:
            if refusal.code == Exit.NOT_FOUND:
                return None
            raise

    def _ask(self, method: str, path: str, body: Any = None, *, query: Any = None, headers: Any = None) -> Json:
        try:
            answer = self.session.request(
                method, self.base + path, json=body, params=query, headers=headers, allow_redirects=False,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            )  # fmt: skip
        except requests.RequestException as fault:
            text = _("%(url)s does not answer: %(why)s")
            raise Refusal(text % {"url": self.name, "why": _short(fault)}, Exit.NO_ACCESS) from None
        return self._content(answer)

    def _content(self, answer: requests.Response) -> Json:
        try:
            content = answer.json()
        except ValueError:
            content = None
        if answer.ok and isinstance(content, dict):
            return content
        if not isinstance(content, dict) or "errorCode" not in content:
            text = _("%(url)s answers %(status)d, and not as a SchedulerService does. Is the address right?")
            raise Refusal(text % {"url": self.name, "status": answer.status_code}, Exit.NO_ACCESS)
        errors: dict[str, list[str]] = content.get("errors", {})
        lines = errors.get("document", [])
        code = EXITS.get(HTTPStatus(answer.status_code), Exit.FAULT)
        text = _("Nothing was written: correct the file.") if lines else str(content["detail"])
        raise Refusal(text, code, lines=lines, told=content)


def _short(fault: Exception) -> str:
    """The innermost reason: what wraps it repeats addresses and objects."""
    while (cause := fault.__cause__ or fault.__context__) is not None:
        fault = cause if isinstance(cause, Exception) else Exception(str(cause))
    return str(fault) or type(fault).__name__
