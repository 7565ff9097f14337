"""UpdateVehicleListingStatusJob: marks active listings that are too old as expired and tells each seller once."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field

from jobs import guardrails, letters
from jobs.base import Job, JobContext
from jobs.deliveries import Deliveries
from jobs.failpoints import failpoint
from jobs.gateways.content_rules import neutral_body_text
from jobs.gateways.notifications import Email
from jobs.gateways.vehicles import Listing, Listings
from jobs.letters import Language
from jobs.messages import Subject


class UpdateVehicleListingStatusParameters(guardrails.LimitedJobParameters):
    days: int = Field(
        30, ge=1, le=3_650, description=gettext_noop("How many days after its publication a listing expires.")
    )
    batch_size: int = Field(200, ge=1, le=1_000, description=gettext_noop("How many listings one statement changes."))
    notify_sellers: bool = Field(True, description=gettext_noop("Write to the seller of each listing."))
    language: Language = Field(Language.BOTH, description=gettext_noop("Of the message: en, es or both."))


class UpdateVehicleListingStatusJob(Job[UpdateVehicleListingStatusParameters]):
    aliases = ("CleanupExpiredListingsJob",)
    description = gettext_lazy(
        "Marks active listings that were published too long ago as expired and tells the sellers."
    )
    parameters_model = UpdateVehicleListingStatusParameters

    def execute(self, context: JobContext[UpdateVehicleListingStatusParameters]) -> Mapping[str, Any]:
        before = context.reference_time - timedelta(days=context.parameters.days)
        with context.gateways.vehicles.open() as listings:
            total = listings.count_expirable(before)
            context.log(f"{total} active listings were published before {before:%Y-%m-%d %H:%M} UTC")
            guardrails.stop_if_too_many(context, total, "listings")
            if context.dry_run:
                return {"expired": 0, "wouldExpire": total, "days": context.parameters.days}
            result = _Expiry(context, listings, before, total).expire_all()
        return guardrails.watch(context, result, guardrails.ROWS, expired_listings=result["expired"])


class _Expiry:
    """The work of one run.

    A message is claimed before its listing is marked, so that a crash in between leaves either an active listing, or an
    expired one whose message the next run finds unsent.
    """

    def __init__(
        self,
        context: JobContext[UpdateVehicleListingStatusParameters],
        listings: Listings,
        before: datetime,
        total: int,
    ) -> None:
        self.context, self.listings, self.before, self.total = context, listings, before, total
        self.figures = {"expired": 0, "left": 0, "days": context.parameters.days}
        self.deliveries = Deliveries(context, self.figures)
        self.deliveries.counts["withoutAddress"] = 0
        self.handled = 0

    def expire_all(self) -> dict[str, Any]:
        parameters = self.context.parameters
        if parameters.notify_sellers:
            self._addresses(set())  # is it there, for listings that name none? asked before anything is changed
            self.deliveries.begin()
            self._tell_what_others_left()
        after: str | None = None
        while batch := self.listings.expirable(self.before, after=after, at_most=parameters.batch_size):
            self.context.check_cancelled()
            after = batch[-1].id
            self._expire(batch)
        self.context.log(f"{self.figures['expired']} listings expired")
        if left := self.figures["left"]:
            self.context.log(f"{left} were held or renewed by somebody meanwhile: the next run looks at them again")
        return self.deliveries.finish()

    def _tell_what_others_left(self) -> None:
        """Sellers of listings that a run marked and could not tell of. Renewed since, there is nothing to tell."""
        left = {subject.id: subject for subject in self.context.messages.abandoned()}
        untold = [listing for listing in self.listings.expired(left) if _subject(listing) == left[listing.id]]
        self.context.messages.release(set(left.values()) - {_subject(listing) for listing in untold})
        self._tell(untold)

    def _expire(self, batch: list[Listing]) -> None:
        """Expire what is claimed here, and what nobody will be told of any more; the rest is in another run's hands.

        The seller is told by whoever changed the listing, and by nobody else.
        """
        messages, by_id = self.context.messages, {listing.id: listing for listing in batch}
        if not self.context.parameters.notify_sellers:
            self._count(by_id, self.listings.expire(by_id, self.before))
            return self._handled(len(batch))
        subjects = [_subject(listing) for listing in batch]
        claimed = messages.claim(subjects)
        due = {subject.id for subject in claimed | messages.settled(subjects)}
        changed = self.listings.expire(due, self.before)
        failpoint("listings.after_batch")
        self._count(due, changed)
        ours = [by_id[key] for key in changed if _subject(by_id[key]) in claimed]
        messages.release(claimed - {_subject(listing) for listing in ours})
        self._handled(len(batch) - len(ours))
        return self._tell(ours)

    def _count(self, due: Collection[str], changed: Collection[str]) -> None:
        self.figures["expired"] += len(changed)
        self.figures["left"] += len(due) - len(changed)

    def _handled(self, count: int) -> None:
        self.handled += count
        expired = _("%(count)d expired") % {"count": self.figures["expired"]}
        self.context.progress(min(self.handled, self.total), self.total, expired)

    def _tell(self, listings: list[Listing]) -> None:
        """Write to the sellers of claimed, expired listings; what is not reached is left for the next run."""
        missing = {listing.seller_id for listing in listings if not listing.seller_email}
        addresses = self._addresses(missing) if missing else {}
        for listing in listings:
            self.context.check_cancelled()
            address = listing.seller_email or addresses.get(listing.seller_id, "")
            if address:
                self.deliveries.send(_subject(listing), self._letter(listing, address))
                self.deliveries.stop_if_useless()
            else:
                self.context.log(f"Listing {listing.id}: its seller has no e-mail address", level="WARNING")
                self.deliveries.refuse(_subject(listing), "withoutAddress", "the seller has no e-mail address")
            self._handled(1)

    def _addresses(self, seller_ids: set[str]) -> dict[str, str]:
        with self.context.gateways.users.open() as directory:
            return directory.addresses(seller_ids)

    def _letter(self, listing: Listing, address: str) -> Email:
        title = neutral_body_text(listing.title)
        return letters.write(
            "notice",
            to=address,
            subject=lambda: _("Listing Expired"),
            language=self.context.parameters.language,
            context=lambda: {"sentences": [_sentence(title)]},
            recipient_user_id=listing.seller_id,
        )


def _subject(listing: Listing) -> Subject:
    """A listing that is published once more and expires again is told again."""
    return Subject(listing.id, listing.published_at)


def _sentence(title: str) -> str:
    return _("Your listing for %(title)s has expired. Renew to keep it active.") % {"title": title}
