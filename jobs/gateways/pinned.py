"""One HTTP question at an address that was checked first, and at no other: the name is looked up once."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address

from jobs.gateways import addresses, http

DEFAULT_PORTS = {"http": 80, "https": 443}
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*)"
PLACE = re.compile(rf"({HOST})(?::([0-9]{{1,5}}))?")

Resolve = Callable[[str, int], list[str]]


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

    @property
    def fault(self) -> str | None:
        """What makes it one that is never called, as far as it can be told without a lookup."""
        try:
            ip_address(self.name)
        except ValueError:
            return None
        return _fault_at(self, self.name)


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
        raise ValueError("must hold no user name or password: whoever sees the job sees its URL")
    place = PLACE.fullmatch(authority)
    port = int(place[2]) if place and place[2] else DEFAULT_PORTS[scheme]
    if place is None or not 0 < port < 65_536:
        raise ValueError(f"names no host: {authority[:100]!r} is not of the form host or host:port")
    return Target(scheme, place[1], port, f"{mark if mark == '/' else '/' + mark}{tail}".partition("#")[0])


def ask(request: http.Request, *, resolve: Resolve = addresses.of_host) -> http.Answer:
    """At the first address that takes the request. `resolve` gives the addresses of a host and a port.

    A second lookup may tell otherwise, so there is none. Raises NoAnswer; permanent where the URL is none or an address
    is never called.
    """
    try:
        target, until = target_of(request.url), time.monotonic() + request.timeout_seconds
    except ValueError as fault:
        raise http.NoAnswer(f"the URL {fault}", was_sent=False, permanent=True) from None
    pinned = replace(request, headers={**request.headers, "Host": target.place}, server_name=target.name)
    places = _checked(target, resolve)
    for address in places:
        left = max(0.01, round(until - time.monotonic(), 2))
        try:
            return http.ask(replace(pinned, url=target.url_at(address), timeout_seconds=left))
        except http.NoAnswer as fault:
            if fault.was_sent or address == places[-1] or time.monotonic() > until:
                raise
    raise AssertionError("unreachable")


def _checked(target: Target, resolve: Resolve) -> list[str]:
    try:
        found = resolve(target.name, target.port)
    except OSError as fault:
        said = f"no connection: the host {target.host} is not known here: {fault.strerror or fault}"
        raise http.NoAnswer(said, was_sent=False) from fault
    for address in found:
        if forbidden := _fault_at(target, address):
            raise http.NoAnswer(forbidden, was_sent=False, permanent=True)
    return found


def _fault_at(target: Target, address: str) -> str | None:
    what = addresses.fault_of(address)
    return f"the host {target.host} leads to {address}, which is {what}: that is never called" if what else None
