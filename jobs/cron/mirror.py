"""A field in the grammar of Celery's crontab, for the mirror in django-celery-beat."""

from collections.abc import Sequence

from jobs.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, Field, Item, Shape, runs

# Widths of django_celery_beat's CrontabSchedule; each holds at least the list of all single values.
LONGEST_TEXT = {MINUTE: 240, HOUR: 96, DAY_OF_MONTH: 124, MONTH: 64, DAY_OF_WEEK: 64}


def celery_text(field: Field) -> str:
    """The field for Celery, which knows no names, 7, `?`, `5/15` or wrapping range; `*` where a calendar decides."""
    if field.needs_calendar() or field.covers_all():
        return "*"
    text = ",".join(_item_text(item) for item in field.items)
    return text if len(text) <= LONGEST_TEXT[field.kind] else _values_text(sorted(field.values))


def _item_text(item: Item) -> str:
    step = f"/{item.step}" if item.step > 1 else ""
    if item.shape is Shape.ANY:
        return f"*{step}"
    if len(item.values) > 1 and item.values == tuple(range(item.first, item.last + 1, item.step)):
        return f"{item.first}-{item.last}{step}"
    return _values_text(sorted(item.values))


def _values_text(values: Sequence[int]) -> str:
    """The values as a list in which three or more in a row read as a range."""
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs(values))
