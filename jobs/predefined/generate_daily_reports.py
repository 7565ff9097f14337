"""GenerateDailyReportsJob: yesterday's sales report, e-mailed to the managers and kept with the execution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext
from pydantic import Field, field_validator

from jobs import business_days, letters
from jobs.base import ChangingJobParameters, Job, JobContext
from jobs.deliveries import Deliveries
from jobs.gateways.content_rules import neutral_body_text
from jobs.gateways.notifications import Email
from jobs.gateways.vehicles import Listings, Sold, Window
from jobs.letters import Language
from jobs.messages import Subject

MAKES_SHOWN = 10
SIGNS = {"DOP": "RD$", "USD": "US$"}


class GenerateDailyReportsParameters(ChangingJobParameters):
    recipients: list[str] = Field(
        ["admin@okla.com.do"], min_length=1, max_length=50, description=gettext_noop("The managers' e-mail addresses.")
    )
    language: Language = Field(Language.BOTH, description=gettext_noop("Of the report: en, es or both."))
    resend: bool = Field(False, description=gettext_noop("Send the report of a day once more to those who have it."))

    @field_validator("recipients")
    @classmethod
    def _are_addresses(cls, recipients: list[str]) -> list[str]:
        for address in recipients:
            try:
                validate_email(address)
            except ValidationError:
                raise ValueError(f"{address[:100]!r} is not an e-mail address") from None
        return list(dict.fromkeys(recipients))


@dataclass(frozen=True)
class DayFigures:
    """What happened on one day."""

    day: date
    sold: list[Sold]  # by currency
    published: int

    @property
    def sold_count(self) -> int:
        return sum(each.count for each in self.sold)

    def of(self, currency: str) -> Sold:
        return next((each for each in self.sold if each.currency == currency), Sold(currency, 0, Decimal(0)))


@dataclass(frozen=True)
class SalesReport:
    """The figures of a day, beside those of the day before and of the same weekday a week before."""

    day: DayFigures
    day_before: DayFigures
    week_before: DayFigures
    makes: list[Sold]

    @property
    def currencies(self) -> list[str]:
        """Of all three days: what was sold yesterday and not today is a change too."""
        every = (self.day, self.day_before, self.week_before)
        return list(dict.fromkeys(sold.currency for figures in every for sold in figures.sold))


class GenerateDailyReportsJob(Job[GenerateDailyReportsParameters]):
    description = gettext_lazy("Sends yesterday's sales report to the managers.")
    parameters_model = GenerateDailyReportsParameters

    def execute(self, context: JobContext[GenerateDailyReportsParameters]) -> Mapping[str, Any]:
        day = business_days.day_of(context.reference_time) - business_days.ONE_DAY
        with context.gateways.vehicles.open() as listings:
            report = _read(listings, day)
        for sold in report.day.sold:
            context.log(f"{day}: {sold.count} sold in {sold.currency}, {sold.total:,.2f} in all")
        context.log(f"{day}: {report.day.published} new listings")
        context.check_cancelled()
        letter = _letter(report, to="", language=context.parameters.language)
        context.artifact(f"daily-sales-report-{day}.html", letter.html, "text/html; charset=utf-8")
        context.artifact(f"daily-sales-report-{day}.txt", letter.text, "text/plain; charset=utf-8")
        if context.dry_run:
            return {**_result(report), "sent": 0, "wouldSend": len(context.parameters.recipients)}
        return self._send(context, report)

    def _episode(self, context: JobContext[GenerateDailyReportsParameters], report: SalesReport) -> str:
        """One for a day and a way of reporting it; for `resend`, one more that all attempts of this run share."""
        episode = f"{report.day.day} {context.parameters.language}"
        return f"{episode} {context.reference_time.isoformat()}" if context.parameters.resend else episode

    def _send(self, context: JobContext[GenerateDailyReportsParameters], report: SalesReport) -> dict[str, Any]:
        parameters, figures = context.parameters, {**_result(report), "knownBefore": 0}
        deliveries = Deliveries(context, figures)
        deliveries.begin()
        context.messages.release(context.messages.abandoned())
        subjects = {address: Subject(address, self._episode(context, report)) for address in parameters.recipients}
        claimed = context.messages.claim(subjects.values())
        for done, (address, subject) in enumerate(subjects.items(), start=1):
            context.check_cancelled()
            if subject in claimed:
                deliveries.send(subject, _letter(report, to=address, language=parameters.language))
                deliveries.stop_if_useless()
            else:
                figures["knownBefore"] += 1
                context.log(f"{address} has the report of {report.day.day} already; `resend` would send it once more")
            context.progress(done, len(subjects), address)
        return deliveries.finish()


def _read(listings: Listings, day: date) -> SalesReport:
    return SalesReport(
        day=_figures(listings, day),
        day_before=_figures(listings, day - business_days.ONE_DAY),
        week_before=_figures(listings, day - timedelta(days=7)),
        makes=listings.sold_by_make(_window(day), at_most=MAKES_SHOWN),
    )


def _figures(listings: Listings, day: date) -> DayFigures:
    return DayFigures(day, listings.sold(_window(day)), listings.count_published(_window(day)))


def _window(day: date) -> Window:
    return Window(business_days.begin_of(day), business_days.end_of(day))


def _result(report: SalesReport) -> dict[str, Any]:
    """Sums as text: a currency's amount must not become a binary fraction."""
    return {
        "day": report.day.day.isoformat(),
        "sold": {sold.currency: {"count": sold.count, "total": str(sold.total)} for sold in report.day.sold},
        "newListings": report.day.published,
    }


# --- The letter ------------------------------------------------------------------------------------------------------
def _letter(report: SalesReport, *, to: str, language: Language) -> Email:
    return letters.write(
        "daily_report",
        to=to,
        subject=lambda: _("Daily Sales Report"),
        language=language,
        context=lambda: _shown(report),
    )


def _shown(report: SalesReport) -> dict[str, Any]:
    """The report in words, in the active language."""
    most = max((sold.count for sold in report.makes), default=0)
    return {
        "day": f"{date_format(report.day.day, 'l')}, {date_format(report.day.day, 'DATE_FORMAT')}",
        "summary": _summary(report),
        "totals": [
            {
                "currency": currency,
                "count": report.day.of(currency).count,
                "total": _money(report.day.of(currency)),
                "against_day_before": _change(report.day.of(currency).total, report.day_before.of(currency).total),
                "against_week_before": _change(report.day.of(currency).total, report.week_before.of(currency).total),
            }
            for currency in report.currencies
        ],
        "counts": [
            _count_row(_("Vehicles sold"), report, lambda figures: figures.sold_count),
            _count_row(_("New listings"), report, lambda figures: figures.published),
        ],
        "makes": [
            {
                "make": neutral_body_text(sold.make),
                "count": sold.count,
                "total": _money(sold),
                "width": round(100 * sold.count / most),
            }
            for sold in report.makes
        ],
    }


def _summary(report: SalesReport) -> str:
    sold = ngettext("%(count)d vehicle sold", "%(count)d vehicles sold", report.day.sold_count)
    published = ngettext("%(count)d new listing", "%(count)d new listings", report.day.published)
    return f"{sold % {'count': report.day.sold_count}} · {published % {'count': report.day.published}}"


def _count_row(label: str, report: SalesReport, count: Any) -> dict[str, Any]:
    return {
        "label": label,
        "count": count(report.day),
        "against_day_before": _change(count(report.day), count(report.day_before)),
        "against_week_before": _change(count(report.day), count(report.week_before)),
    }


def _money(sold: Sold) -> str:
    """As amounts are written in the Dominican Republic, whichever the language."""
    return f"{SIGNS.get(sold.currency, sold.currency)} {sold.total:,.2f}"


def _change(now: Decimal | int, before: Decimal | int) -> dict[str, str]:
    """How much more or less, in per cent: a sign and a number, never a colour alone."""
    if before == now:
        return {"text": "=", "color": "#475569"}
    if not before:
        return {"text": _("new"), "color": "#007A50"}
    percent = round(100 * (now - before) / before)
    sign, color = ("▲ +", "#007A50") if percent >= 0 else ("▼ −", "#B42318")
    return {"text": f"{sign}{abs(percent)} %", "color": color}
