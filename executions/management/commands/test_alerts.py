"""`manage.py test_alerts`: send a test through each channel of alerts and say what became of each."""

import time
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.enums import Channel, NoticeState
from executions.models import Notice
from executions.notices import courier, outbox
from executions.notices.recipients import ADDRESS_MAX_LENGTH
from jobs.gateways.notifications import is_address

CHANNELS = {channel.value.lower(): channel for channel in Channel}
LOOK_SECONDS = 0.5
# However slow a channel is, and whoever has taken the test to it: by then it is given up.
PATIENCE_SECONDS = 300.0


def _address(text: str) -> str:
    if not is_address(text) or len(text) > ADDRESS_MAX_LENGTH:
        raise ArgumentTypeError(f"{text!r} is no e-mail address.")
    return text


class Command(BaseCommand):
    help = (
        "Sends a test message through the channels by which alerts are told: to the administrators, to the webhook if"
        " there is one, and with --to by e-mail to that address. Prints what became of each."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", choices=CHANNELS, help="Only this one.")
        parser.add_argument("--to", metavar="ADDRESS", type=_address, help="Whom the e-mail goes to.")
        parser.add_argument(
            "--wait", action="store_true",
            help="Have the running service send them, and wait for it; without, this process sends them itself.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        notices = [outbox.test(channel, whom) for channel, whom in self._asked(options["channel"], options["to"])]
        until = time.monotonic() + PATIENCE_SECONDS
        while (rows := self._rows(notices)) and any(row.state == NoticeState.WAITING for row in rows):
            if time.monotonic() > until:
                break
            if options["wait"] or not courier.deliver_tests():
                time.sleep(LOOK_SECONDS)
        failed = [row for row in rows if row.state != NoticeState.SENT]
        for row in rows:
            self._say(row)
        if failed:
            raise CommandError(f"{len(failed)} of {len(rows)} tests did not arrive.")

    def _asked(self, name: str | None, address: str | None) -> list[tuple[Channel, str]]:
        if name == "email" and not address:
            raise CommandError("Say with --to whom the e-mail goes to.")
        if name and address and name != "email":
            raise CommandError(f"--to belongs to an e-mail; the channel {name} knows whom it reaches.")
        everything = {
            Channel.ADMINISTRATORS: True,
            Channel.EMAIL: bool(address),
            Channel.WEBHOOK: bool(settings.SCHEDULER_ALERT_WEBHOOK_URL),
        }
        chosen = [CHANNELS[name]] if name else [channel for channel, is_there in everything.items() if is_there]
        return [(channel, (address or "") if channel == Channel.EMAIL else "") for channel in chosen]

    def _rows(self, notices: list[Notice]) -> list[Notice]:
        return list(Notice.objects.filter(id__in=[notice.id for notice in notices]).order_by("id"))

    def _say(self, row: Notice) -> None:
        name = f"{row.channel} {row.recipient}".strip()
        if row.state == NoticeState.SENT:
            self.stdout.write(f"{self.style.SUCCESS('sent  ')}  {name}")
            return
        reason = row.last_error or "Nobody has sent it: see whether a beat or a worker runs."
        self.stdout.write(f"{self.style.ERROR('failed')}  {name}: {reason}")
