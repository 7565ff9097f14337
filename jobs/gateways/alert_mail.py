"""How an alert looks as an e-mail."""

from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe

from jobs.gateways.content_rules import neutral_body_text

COLOURS = {"Info": "#3498DB", "Warning": "#F39C12", "Error": "#E74C3C", "Critical": "#DC3545"}  # OKLA.md §2


def html(*, title: str, message: str, severity: str) -> str:
    """Passes the content rules whatever the words are."""
    lines = [escape(line) for line in neutral_body_text(message).splitlines()]
    return format_html(
        '<div style="border-left:4px solid {};padding:8px 16px;font-family:Inter,Arial,sans-serif;color:#0F172A">'
        '<h2 style="margin:0 0 8px;font-size:18px">{}</h2><p style="margin:0">{}</p></div>',
        COLOURS[severity],
        neutral_body_text(title),
        mark_safe("<br>".join(lines)),  # noqa: S308 - each line is escaped above
    )


def text(*, title: str, message: str) -> str:
    return f"{title}\n\n{message}".strip() + "\n"
