"""What a drawing and the table behind it repeat by the hundred, each in one go: the template's own loops take ten times
as long.

Numbers, and words of ours, need no escaping; names do. Instants are in the time zone of the page.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from dashboard.charts.bars import Bar, Bars
from dashboard.charts.calendar import Calendar, Square
from dashboard.charts.durations import Dot, Durations
from dashboard.charts.lanes import COMING, Lanes, Span
from dashboard.charts.lanes import Bar as LaneBar
from dashboard.charts.signs import SIGNS, SLIM, SLIM_SHARE
from dashboard.charts.strip import Mark, Strip
from dashboard.charts.ticks import Tick
from dashboard.reader import Reader
from executions.models import JobExecution
from jobs.admin import display

register = template.Library()

ROOM_FOR_SIGN = 1.5  # in percent of the width
_CLASS_FINE = ' class="fine"'
NO_ID = UUID(int=0)


@register.simple_tag
def bar_marks(bars: Bars, row_format: str) -> SafeString:
    reader = Reader.current()
    return _written(_bar(bar, row_format, reader) for bar in bars.bars if bar.blocks)


@register.simple_tag
def bar_rows(bars: Bars, row_format: str) -> SafeString:
    reader = Reader.current()
    return _written(
        f'<tr><th scope="row">{_time(bar.bucket.start, reader.at(bar.bucket.start, row_format))}</th>'
        + "".join(f'<td class="number">{bar.bucket.counts.get(each, 0)}</td>' for each in bars.statuses)
        + "</tr>"
        for bar in bars.bars
        if bar.blocks
    )


@register.simple_tag
def tick_marks(ticks: Sequence[Tick], shape: str, *, y: int, top: int, bottom: int) -> SafeString:
    """The label of each at `y`, and a line from `top` to `bottom`."""
    reader = Reader.current()
    return _written(
        f'<g{_CLASS_FINE if tick.is_fine else ""}><line class="axis" x1="{tick.x}%" x2="{tick.x}%" y1="{top}"'
        f' y2="{bottom}"/><text x="{tick.x}%" dx="3" y="{y}">{reader.at(tick.at, shape)}</text></g>'
        for tick in ticks
    )


@register.simple_tag
def swatch(status: str) -> SafeString:
    """How a status looks in the drawings: its colour and its sign."""
    width = 10 if status != SLIM else 4
    return SafeString(
        f'<svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true"><rect class="fill-{status.lower()}"'
        f' x="{5 - width // 2}" width="{width}" height="10" rx="1"/>{_inner_sign(status, "5", "5")}</svg>'
    )


@register.simple_tag
def strip_marks(strip: Strip) -> SafeString:
    reader = Reader.current()
    return _written(_mark(mark, reader) for mark in strip.marks)


@register.simple_tag
def lane_marks(lanes: Lanes) -> SafeString:
    """For the mouse; the table behind has the same links for the keyboard."""
    reader, link = Reader.current(), _links()
    return _written(
        f'<a href="{link(bar.span)}" tabindex="-1" aria-label="{", ".join(told)}"><title>{" · ".join(told)}</title>'
        f'<rect class="fill-{bar.span.status.lower()}" x="{bar.x}%" width="{bar.width}%" y="{bar.y}"'
        f' height="{lanes.bar_height}" rx="2"/>{_lane_sign(bar, lanes.bar_height)}</a>'
        for bar in lanes.bars
        for told in [_told(bar.span, reader)]
    )


@register.simple_tag
def lane_rows(lanes: Lanes) -> SafeString:
    """Each of the bars, with the link that it has."""
    reader, link = Reader.current(), _links()
    return _written(
        f'<tr><th scope="row"><a href="{link(bar.span)}">{name}</a></th>'
        f"<td>{_time(bar.span.begin, begin)}</td>"
        f"<td>{_time(bar.span.end, reader.weekday_and_second(bar.span.end))}</td><td>{word}</td></tr>"
        for bar in lanes.bars
        for name, begin, word in [_told(bar.span, reader)]
    )


@register.simple_tag
def calendar_months(calendar: Calendar) -> SafeString:
    months = Reader.current().months
    return _written(f'<text x="{x}%" y="11">{months[day.month - 1]}</text>' for x, day in calendar.months)


@register.simple_tag
def calendar_marks(calendar: Calendar) -> SafeString:
    reader = Reader.current()
    return _written(_square(square, calendar, reader) for square in calendar.squares)


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
        f"<g><title>{', '.join(_ran(dot.execution, reader))}</title>{_dot(dot)}</g>" for dot in durations.dots
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


def _time(at: datetime, text: str) -> str:
    """That `times.js` shows in another zone on demand, unless it is a day as a whole."""
    return f'<time datetime="{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}">{text}</time>' if ":" in text else text


def _bar(bar: Bar, row_format: str, reader: Reader) -> str:
    blocks = (
        f'<rect class="fill-{block.status.lower()}" x="{block.x}%" y="{block.y}" width="{block.width}%"'
        f' height="{block.height}"/>'
        for block in bar.blocks
    )
    sign = _sign(bar.sign, f"{bar.middle}%", f"{bar.top - 7:g}") if bar.sign else ""
    counts = (f" · {bar.bucket.counts[block.status]} {reader.words[block.status]}" for block in bar.blocks)
    return f"<g>{''.join(blocks)}{sign}<title>{reader.at(bar.bucket.start, row_format)}{''.join(counts)}</title></g>"


def _mark(mark: Mark, reader: Reader) -> str:
    run, middle = mark.execution, mark.x + mark.width / 2
    took = f", {display.duration(run.duration)}" if run.duration else ""
    path = SIGNS.get(run.status, "")
    sign = (
        f'<path class="fill-{run.status.lower()}" transform="translate({middle:g} {mark.y - 5}) scale(.8)" d="{path}"/>'
        if path
        else ""
    )
    return (
        f'<g><rect class="fill-{run.status.lower()}" x="{mark.x}" y="{mark.y}" width="{mark.width}"'
        f' height="{mark.height}" rx="1"/>{sign}'
        f"<title>{reader.day_and_minute(run.due_at)} {reader.words[run.status]}{took}</title></g>"
    )


def _square(square: Square, calendar: Calendar, reader: Reader) -> str:
    half = calendar.cell // 2
    if square.status == SLIM:
        x, y, width, cell = square.x + calendar.width * 0.3, square.y + 5, calendar.width * SLIM_SHARE, 8
    else:
        x, y, width, cell = square.x, square.y, calendar.width, calendar.cell
    sign = _inner_sign(square.status, f"{square.x + calendar.width / 2:.2f}%", str(square.y + half))
    return (
        f'<g><rect class="fill-{square.status.lower()}" x="{x:.2f}%" y="{y}" width="{width:.2f}%" height="{cell}"'
        f' rx="2"/>{sign}{_title(square, reader)}</g>'
    )


def _dot(dot: Dot) -> str:
    status = dot.execution.status
    if status in SIGNS:
        return _sign(status, f"{dot.x}%", str(dot.y))
    return f'<circle class="fill-{status.lower()}" cx="{dot.x}%" cy="{dot.y}" r="3.5"/>'


def _lane_sign(bar: LaneBar, height: int) -> str:
    """In a bar that has the room, else behind it."""
    y = f"{bar.y + height / 2:g}"
    if bar.width > ROOM_FOR_SIGN:
        return _inner_sign(bar.span.status, f"{bar.x + ROOM_FOR_SIGN / 2:.2f}%", y)
    return _sign(bar.span.status, f"{bar.x + bar.width:.2f}%", y, look=' transform="translate(6)"')


def _sign(status: str, x: str, y: str, *, look: str = "") -> str:
    """In the status's own colour. At a place in percent only what is an `svg` itself can be put."""
    path = SIGNS.get(status)
    colour = "" if "class" in look else f' class="fill-{status.lower()}"'
    return f'<svg x="{x}" y="{y}" overflow="visible"><path{colour}{look} d="{path}"/></svg>' if path else ""


def _inner_sign(status: str, x: str, y: str) -> str:
    """Cut out of a shape that has the status's colour."""
    return _sign(status, x, y, look=' class="cut" fill="#fff"')


def _title(square: Square, reader: Reader) -> str:
    counts = _counts(square.counts, reader)
    return f"<title>{' · '.join([reader.day(square.day), *counts])}</title>" if counts else ""


def _counts(counts: Mapping[str, int], reader: Reader) -> list[str]:
    return [f"{count} {reader.words[status]}" for status, count in counts.items() if count]


def _ran(run: JobExecution, reader: Reader) -> tuple[str, str, str]:
    began = reader.day_and_minute(run.started_at) if run.started_at else display.NOTHING
    return began, reader.words[run.status], display.duration(run.duration)


def _told(span: Span, reader: Reader) -> tuple[str, str, str]:
    times = f" × {span.times}" if span.times > 1 else ""
    return escape(span.lane), reader.weekday_and_second(span.begin), f"{reader.words[span.status]}{times}"


def _links() -> Callable[[Span], str]:
    """Where the bar of a span leads: to the run, or to the job that is to come."""
    job_page, run_page = _address("job-page"), _address("execution-page")
    return lambda span: (job_page if span.status == COMING else run_page)(span.what.id)


def _address(name: str) -> Callable[[UUID], str]:
    """Of the pages of that name, by their id: resolved once."""
    before, after = reverse(name, args=[NO_ID]).split(str(NO_ID))
    return lambda key: f"{before}{key}{after}"


def _written(parts: Iterable[str]) -> SafeString:
    return SafeString("".join(parts))
