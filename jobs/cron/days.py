"""Which days of a month the two day fields select together."""

from collections.abc import Iterator

from jobs.cron.fields import Field, Item, Shape

SUNDAY, SATURDAY = 0, 6
DAYS_IN_A_WEEK = 7


def days_of(day_of_month: Field, day_of_week: Field, length: int, first_weekday: int) -> tuple[int, ...]:
    """The days, ascending, of a month of `length` days whose 1st is that weekday (Sunday 0).

    Both fields must match (SPEC 4; Hangfire's Cronos), so a field that says nothing changes nothing.
    """
    dates = {day for item in day_of_month.items for day in _dates(item, length, first_weekday)}
    weekdays = {day for item in day_of_week.items for day in _on_weekday(item, length, first_weekday)}
    return tuple(sorted(dates & weekdays))


def _dates(item: Item, length: int, first_weekday: int) -> Iterator[int]:
    if item.shape is Shape.LAST:
        yield length
    elif item.shape is Shape.LAST_WEEKDAY:
        yield _nearest_weekday(length, length, first_weekday)
    elif item.shape is Shape.NEAREST:
        if item.first <= length:
            yield _nearest_weekday(item.first, length, first_weekday)
    else:
        yield from (day for day in item.values if day <= length)


def _on_weekday(item: Item, length: int, first_weekday: int) -> Iterator[int]:
    for weekday in item.values or (item.first,):
        first = 1 + (weekday - first_weekday) % DAYS_IN_A_WEEK
        days = range(first, length + 1, DAYS_IN_A_WEEK)
        if item.shape is Shape.NTH:
            days = days[item.nth - 1 : item.nth]
        elif item.shape is Shape.LAST_OF:
            days = days[-1:]
        yield from days


def _nearest_weekday(day: int, length: int, first_weekday: int) -> int:
    """Monday to Friday nearest to the day, never in another month."""
    weekday = (first_weekday + day - 1) % DAYS_IN_A_WEEK
    if weekday == SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == SUNDAY:
        return day + 1 if day < length else day - 2
    return day
