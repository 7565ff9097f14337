"""What a drawing and the table behind it repeat by the hundred, each in one go: the template's own loops take ten times
as long.

Numbers, and words of ours, need no escaping; names do. Instants are in the time zone of the page.
"""

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from dashboard.charts.bars import Bar, Bars
from dashboard.charts.calendar import Calendar, Square
from dashboard.charts.durations import Durations
from dashboard.charts.lanes import Lanes, Span
from dashboard.charts.strip import Mark, Strip
from dashboard.reader import Reader
from executions.models import JobExecution
from jobs.admin import display

register = template.Library()

MOST_ROWS = 300
NO_ID = UUID(int=0)


@register.simple_tag
def bar_marks(bars: Bars, row_format: str) -> SafeString:
    reader = Reader.current()
    return _written(_bar(bar, row_format, reader) for bar in bars.bars if bar.blocks)


@register.simple_tag
def bar_rows(bars: Bars, row_format: str) -> SafeString:
    reader = Reader.current()
    return _written(
        f'<tr><th scope="row">{reader.at(bar.bucket.start, row_format)}</th>'
        + "".join(f'<td class="number">{bar.bucket.counts.get(each, 0)}</td>' for each in bars.statuses)
        + "</tr>"
        for bar in bars.bars
        if bar.blocks
    )


@register.simple_tag
def strip_marks(strip: Strip) -> SafeString:
    reader = Reader.current()
    return _written(_mark(mark, reader) for mark in strip.marks)


@register.simple_tag
def lane_marks(lanes: Lanes) -> SafeString:
    reader, job_page, run_page = Reader.current(), _address("job-page"), _address("execution-page")
    return _written(
        f'<a href="{(job_page if bar.span.status == "Coming" else run_page)(bar.span.what.id)}" tabindex="-1"'
        f' aria-label="{", ".join(told)}"><rect class="fill-{bar.span.status.lower()}" x="{bar.x}"'
        f' width="{bar.width}" y="{bar.y}" height="{lanes.bar_height}" rx="2"/><title>{" · ".join(told)}</title></a>'
        for bar in lanes.bars
        for told in [_told(bar.span, reader)]
    )


@register.simple_tag
def lane_rows(lanes: Lanes) -> SafeString:
    """Of the first ones."""
    reader = Reader.current()
    return _written(
        f'<tr><th scope="row">{name}</th><td>{begin}</td><td>{reader.weekday_and_second(bar.span.end)}</td>'
        f"<td>{word}</td></tr>"
        for bar in lanes.bars[:MOST_ROWS]
        for name, begin, word in [_told(bar.span, reader)]
    )


@register.simple_tag
def calendar_marks(calendar: Calendar) -> SafeString:
    reader = Reader.current()
    return _written(
        f'<rect class="fill-{square.status.lower()}" x="{square.x}" y="{square.y}" width="{calendar.cell}"'
        f' height="{calendar.cell}" rx="2">{_title(square, reader)}</rect>'
        for square in calendar.squares
    )


@register.simple_tag
def calendar_rows(calendar: Calendar) -> SafeString:
    """The newest day first; without those on which nothing ended."""
    reader = Reader.current()
    return _written(
        f'<tr><th scope="row">{reader.day(square.day)}</th><td>{", ".join(_counts(square.counts, reader))}</td></tr>'
        for square in reversed(calendar.squares)
        if square.status != "none"
    )


@register.simple_tag
def duration_marks(durations: Durations) -> SafeString:
    reader = Reader.current()
    return _written(
        f'<circle class="fill-{dot.execution.status.lower()}" cx="{dot.x}" cy="{dot.y}" r="3.5"><title>'
        f"{', '.join(_ran(dot.execution, reader))}</title></circle>"
        for dot in durations.dots
    )


@register.simple_tag
def duration_rows(durations: Durations) -> SafeString:
    """The newest run first."""
    reader, run_page = Reader.current(), _address("execution-page")
    return _written(
        f'<tr><th scope="row"><a href="{run_page(dot.execution.id)}">{at}</a></th>'
        f'<td>{display.badge(dot.execution.status, word)}</td><td class="number">{took}</td></tr>'
        for dot in reversed(durations.dots)
        for at, word, took in [_ran(dot.execution, reader)]
    )


def _bar(bar: Bar, row_format: str, reader: Reader) -> str:
    blocks = (
        f'<rect class="fill-{block.status.lower()}" x="{block.x}" y="{block.y}" width="{block.width}"'
        f' height="{block.height}"/>'
        for block in bar.blocks
    )
    counts = (f" · {bar.bucket.counts[block.status]} {reader.words[block.status]}" for block in bar.blocks)
    return f"<g>{''.join(blocks)}<title>{reader.at(bar.bucket.start, row_format)}{''.join(counts)}</title></g>"


def _mark(mark: Mark, reader: Reader) -> str:
    run = mark.execution
    took = f", {display.duration(run.duration)}" if run.duration else ""
    return (
        f'<rect class="fill-{run.status.lower()}" x="{mark.x}" y="{mark.y}" width="6" height="{mark.height}" rx="1">'
        f"<title>{reader.day_and_minute(run.due_at)} {reader.words[run.status]}{took}</title></rect>"
    )


def _title(square: Square, reader: Reader) -> str:
    counts = _counts(square.counts, reader)
    return f"<title>{' · '.join([reader.day(square.day), *counts])}</title>" if counts else ""


def _counts(counts: Mapping[str, int], reader: Reader) -> list[str]:
    return [f"{count} {reader.words[status]}" for status, count in counts.items() if count]


def _ran(run: JobExecution, reader: Reader) -> tuple[str, str, str]:
    began = reader.day_and_minute(run.started_at) if run.started_at else display.NOTHING
    return began, reader.words[run.status], display.duration(run.duration)


def _told(span: Span, reader: Reader) -> tuple[str, str, str]:
    return escape(span.lane), reader.weekday_and_second(span.begin), reader.words[span.status]


def _address(name: str) -> Callable[[UUID], str]:
    """Of the pages of that name, by their id: resolved once."""
    before, after = reverse(name, args=[NO_ID]).split(str(NO_ID))
    return lambda key: f"{before}{key}{after}"


def _written(parts: Iterable[str]) -> SafeString:
    return SafeString("".join(parts))
