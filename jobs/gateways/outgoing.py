"""HTTP to the hosts that the operator has listed, and to no others; secrets go by name and never come back."""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from requests.structures import CaseInsensitiveDict

from jobs.gateways import addresses, http
from jobs.gateways.errors import GatewayError

HOSTS_VARIABLE = "SCHEDULER_OUTGOING_HOSTS"
SECRET_PREFIX = "SCHEDULER_SECRET_"  # noqa: S105 - of variables' names
# Asked twice they do what they do once (RFC 9110 §9.2.2).
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*)"
PLACE = re.compile(rf"({HOST})(?::([0-9]{{1,5}}))?")
LISTED = re.compile(rf"(\*\.)?({HOST})(?::([0-9]{{1,5}}))?")
NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
BLANK = b"***"
# A part of a secret that is shorter than this, such as “Bearer”, tells nothing.
SECRET_WORD_MIN_LENGTH = 8


class OutgoingError(GatewayError):
    """A call was refused by the rules here, or brought no answer."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart. `host` is as it was written: lists are compared with that, and never with what it may mean."""

    scheme: str
    host: str
    port: int
    rest: str  # path and query

    @property
    def place(self) -> str:
        """What stands in the Host header."""
        return self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        return self.host.strip("[]")

    def url_at(self, address: str) -> str:
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}{self.rest}"


@dataclass(frozen=True)
class OutgoingHttp:
    """`hosts`: each as host, host:port or *.suffix. `resolve` gives the addresses of a host and a port."""

    hosts: Sequence[str] = ()
    resolve: Callable[[str, int], list[str]] = addresses.of_host

    def __post_init__(self) -> None:
        for entry in self.hosts:
            if not _is_listable(entry):
                raise ImproperlyConfigured(
                    f"{HOSTS_VARIABLE}: {entry!r} is no host; write each as host, host:port or *.suffix, [::1] for IPv6"
                )

    def refusal(self, url: str) -> str | None:
        """Why this URL may not be called, as a sentence; None when it may. Asks nobody."""
        try:
            target = target_of(url)
        except ValueError as fault:
            return str(fault)
        if any(_is_meant(entry, target) for entry in self.hosts):
            return None
        return (
            f"the host {target.host}:{target.port} is not listed in {HOSTS_VARIABLE}; if jobs may call it, it is to be"
            " added there as it is written here: host, host:port or *.suffix"
        )

    def call(self, request: http.Request, *, secret_headers: Mapping[str, str] | None = None) -> http.Answer:
        """Ask once, at an address that was checked. `secret_headers`: a secret's name by the header that carries it.

        The answer comes with the secrets blanked out. Raises OutgoingError.
        """
        if refusal := self.refusal(request.url):
            raise OutgoingError(refusal, permanent=True)
        secrets = {header: secret(name) for header, name in (secret_headers or {}).items()}
        blank = _Blanking(secrets.values())
        try:
            return blank.answer(self._ask(replace(request, headers={**request.headers, **secrets})))
        except http.NoAnswer as fault:
            harmful = fault.was_sent and request.method not in REPEATABLE
            warning = " It may have been carried out all the same: look there before you ask again." if harmful else ""
            # No cause is kept: its words may be those of the other side, who knows the secrets.
            raise OutgoingError(
                f"{request.method} {request.url}: {blank.text(str(fault))}.{warning}",
                permanent=harmful,
                is_uncertain=fault.was_sent,
            ) from None

    def _ask(self, request: http.Request) -> http.Answer:
        """At the first address that takes the request. The name is looked up once: a second look may tell otherwise."""
        target, until = target_of(request.url), time.monotonic() + request.timeout_seconds
        pinned = replace(request, headers={**request.headers, "Host": target.place}, server_name=target.name)
        places = self._checked(target)
        for address in places:
            left = max(0.01, round(until - time.monotonic(), 2))
            try:
                return http.ask(replace(pinned, url=target.url_at(address), timeout_seconds=left))
            except http.NoAnswer as fault:
                if fault.was_sent or address == places[-1] or time.monotonic() > until:
                    raise
        raise AssertionError("unreachable")

    def _checked(self, target: Target) -> list[str]:
        try:
            found = self.resolve(target.name, target.port)
        except OSError as fault:
            raise OutgoingError(f"the host {target.host} is not known here: {fault.strerror or fault}") from fault
        for address in found:
            if what := addresses.fault_of(address):
                raise OutgoingError(
                    f"the host {target.host} leads to {address}, which is {what}: that is never called,"
                    f" whatever {HOSTS_VARIABLE} lists",
                    permanent=True,
                )
        return found


def target_of(url: str) -> Target:
    """Raises ValueError with a sentence. Strict on purpose: no two parsers must read two hosts in one URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in DEFAULT_PORTS:
        raise ValueError("must begin with http:// or https://")
    if not re.fullmatch(r"[!-~]*", rest) or "\\" in rest:
        raise ValueError(
            "may hold printable ASCII without blanks and backslashes only: percent-encode the others, and write a host"
            " in its xn-- form"
        )
    authority, mark, tail = re.fullmatch(r"([^/?#]*)([/?#]?)(.*)", rest).groups()  # type: ignore[union-attr]
    if "@" in authority:
        raise ValueError("must hold no user name or password: give credentials by secretHeaders")
    place = PLACE.fullmatch(authority)
    port = int(place[2]) if place and place[2] else DEFAULT_PORTS[scheme]
    if place is None or not 0 < port < 65_536:
        raise ValueError(f"names no host: {authority[:100]!r} is not of the form host or host:port")
    return Target(scheme, place[1], port, f"{mark if mark == '/' else '/' + mark}{tail}".partition("#")[0])


def secret(name: str) -> str:
    """The secret of this name, from the environment, now. Raises OutgoingError that names the variable."""
    variable = f"{SECRET_PREFIX}{name}"
    value = os.environ.get(variable, "").strip()
    if not value:
        raise OutgoingError(f"the secret {name} is not set here: set {variable}.", permanent=True)
    if not re.fullmatch(r"[ -~]+", value):
        raise OutgoingError(f"{variable} holds what no header can carry: printable ASCII only.", permanent=True)
    return value


def _is_listable(entry: str) -> bool:
    listed = LISTED.fullmatch(entry)
    # What ends in a number is an address in some notation, and nothing is below it.
    return listed is not None and not (listed[1] and (listed[2].startswith("[") or NUMERIC_END.fullmatch(listed[2])))


def _is_meant(entry: str, target: Target) -> bool:
    listed = LISTED.fullmatch(entry)
    if listed is None or (listed[3] and int(listed[3]) != target.port):
        return False
    if not listed[1]:
        return listed[2] == target.host
    return target.host.endswith(f".{listed[2]}") and not NUMERIC_END.fullmatch(target.host)


class _Blanking:
    """Takes secrets out of what comes back: the other side may repeat them, as it got them or escaped."""

    def __init__(self, secrets: Iterable[str]) -> None:
        words = {
            word
            for secret in secrets
            for word in (secret, *(part for part in secret.split() if len(part) >= SECRET_WORD_MIN_LENGTH))
        }
        forms = {form for word in words for form in (word, json.dumps(word)[1:-1], quote(word, safe=""))}
        self._forms = [form.encode() for form in sorted(forms, key=len, reverse=True)]

    def answer(self, answer: http.Answer) -> http.Answer:
        headers = CaseInsensitiveDict({name: self.text(value) for name, value in answer.headers.items()})
        return replace(answer, headers=headers, body=self._bytes(answer.body))

    def text(self, text: str) -> str:
        return self._bytes(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def _bytes(self, content: bytes) -> bytes:
        for form in self._forms:
            content = content.replace(form, BLANK)
        return content
