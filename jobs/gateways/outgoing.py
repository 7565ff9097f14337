"""HTTP to the hosts that the operator has listed, and to no others; secrets go by name and never come back."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from requests.structures import CaseInsensitiveDict

from jobs.gateways import addresses, http, pinned
from jobs.gateways.errors import GatewayError

HOSTS_VARIABLE = "SCHEDULER_OUTGOING_HOSTS"
SECRET_PREFIX = "SCHEDULER_SECRET_"  # noqa: S105 - of variables' names
# Asked twice they do what they do once (RFC 9110 §9.2.2).
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
MAY_BE_DONE = "It may have been carried out all the same: look there before you ask again."
LISTED = re.compile(rf"(\*\.)?({pinned.HOST})(?::([0-9]{{1,5}}))?")
NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
BLANK = b"***"
# A part of a secret that is shorter than this, such as “Bearer”, tells nothing.
SECRET_WORD_MIN_LENGTH = 8


class OutgoingError(GatewayError):
    """A call was refused by the rules here, or brought no answer."""


@dataclass(frozen=True)
class OutgoingHttp:
    """`hosts`: each as host, host:port or *.suffix. `resolve` gives the addresses of a host and a port."""

    hosts: Sequence[str] = ()
    resolve: pinned.Resolve = addresses.of_host

    def __post_init__(self) -> None:
        for entry in self.hosts:
            if not _is_listable(entry):
                raise ImproperlyConfigured(
                    f"{HOSTS_VARIABLE}: {entry!r} is no host; write each as host, host:port or *.suffix, [::1] for IPv6"
                )

    def refusal(self, url: str) -> str | None:
        """Why this URL may not be called, as a sentence; None when it may. Asks nobody."""
        try:
            target = pinned.target_of(url)
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
            asked = replace(request, headers={**request.headers, **secrets})
            return blank.answer(pinned.ask(asked, resolve=self.resolve))
        except http.NoAnswer as fault:
            harmful = fault.was_sent and request.method not in REPEATABLE
            warning = f" {MAY_BE_DONE}" if harmful else ""
            # No cause is kept: its words may be those of the other side, who knows the secrets.
            raise OutgoingError(
                f"{request.method} {request.url}: {blank.text(str(fault))}.{warning}",
                permanent=harmful or fault.permanent,
                is_uncertain=fault.was_sent,
            ) from None


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


def _is_meant(entry: str, target: pinned.Target) -> bool:
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
