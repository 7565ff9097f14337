"""The webhook: alerts as signed JSON to one address, for whatever the operator has that listens."""

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from jobs.gateways import http
from jobs.gateways.errors import NotConfigured
from jobs.gateways.notifications import MessageRefused, NotificationError
from jobs.gateways.problems import said_in

VARIABLE = "SCHEDULER_ALERT_WEBHOOK_URL"
TIMEOUT_SECONDS = 10.0
ANSWER_MAX_BYTES = 4_096
# Answers about the message. 409: it has it already, or says so; every other one is about us, the address or the moment.
OF_THE_MESSAGE = (400, 409, 413, 422)
NOT_NOW = (408, 425, 429)
# Parts of an address that are shorter than this are none that somebody keeps secret.
SECRET_PART_MIN_LENGTH = 8


class WebhookError(NotificationError):
    """`retry_after_seconds`: what the other side asks for, if it does."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, **about: bool) -> None:
        super().__init__(message, **about)
        self.retry_after_seconds = retry_after_seconds


class Webhook:
    """Empty `url`: not configured. Without a `secret` nothing is signed. Redirects are not followed."""

    def __init__(self, url: str, *, secret: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url, self._secret, self._timeout_seconds = url, secret, timeout_seconds

    def check(self) -> None:
        """Raise NotConfigured with the variable to set."""
        if not self._url:
            raise NotConfigured("The webhook of alerts", VARIABLE)

    def send(self, body: Mapping[str, Any], *, delivery_id: uuid.UUID) -> None:
        """Ask once. The same `delivery_id` says that it is the same message again.

        Raises MessageRefused (this one is at fault), WebhookError, NotConfigured. They do not repeat the address, in
        which there may be a key.
        """
        self.check()
        headers = self._headers(_as_sent(body), delivery_id)
        try:
            answer = http.ask(
                http.Request(
                    "POST", self._url, self._timeout_seconds, body=body, headers=headers,
                    answer_max_bytes=ANSWER_MAX_BYTES,
                )
            )  # fmt: skip
        except http.NoAnswer as fault:
            said = f"The webhook did not answer: {self._without_keys(str(fault))}."
            # No cause is kept: its words may be those of the other side.
            raise WebhookError(said, permanent=fault.permanent, is_uncertain=fault.was_sent) from None
        if not answer.is_success:
            raise self._refusal(answer)

    def _headers(self, content: bytes, delivery_id: uuid.UUID) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {"X-Scheduler-Timestamp": timestamp, "X-Scheduler-Delivery": str(delivery_id)}
        if self._secret:
            headers["X-Scheduler-Signature"] = f"sha256={signature(self._secret, timestamp, content)}"
        return headers

    def _refusal(self, answer: http.Answer) -> NotificationError:
        said = f"The webhook answered HTTP {answer.status}: {self._without_keys(said_in(answer))}"
        if answer.status in OF_THE_MESSAGE:
            return MessageRefused(said)
        is_later = answer.status >= 500 or answer.status in NOT_NOW
        return WebhookError(
            said if is_later else f"{said}. Look at {VARIABLE}.",
            permanent=not is_later,
            is_uncertain=answer.status >= 500,
            retry_after_seconds=answer.retry_after_seconds,
        )

    def _without_keys(self, text: str) -> str:
        """Without the parts of our address that may be keys: the other side may repeat them."""
        url = urlsplit(self._url)
        parts = [*re.split(r"[/=&]", f"{url.path}/{url.query}"), url.username or "", url.password or ""]
        for part in sorted(parts, key=len, reverse=True):
            text = text.replace(part, "***") if len(part) >= SECRET_PART_MIN_LENGTH else text
        return text


def signature(secret: str, timestamp: str, content: bytes) -> str:
    """What the receiver computes too: HMAC-SHA256 in hex of the timestamp, a full stop and the body as it came."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()


def _as_sent(body: Mapping[str, Any]) -> bytes:
    """The very bytes that `http.ask` sends: the same library writes them."""
    written = requests.Request("POST", "http://localhost/", json=body).prepare().body
    return written.encode() if isinstance(written, str) else bytes(written or b"")
