"""E-mails as people get them: in English, Spanish or both, as HTML and as text, by the content rules of OKLA.md §2."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from jobs.gateways.notifications import Email

BETWEEN_SUBJECTS = " / "


class Language(StrEnum):
    """Which languages a message is written in; of both, English comes first."""

    ENGLISH = "en"
    SPANISH = "es"
    BOTH = "both"

    @property
    def codes(self) -> tuple[str, ...]:
        return ("en", "es") if self is Language.BOTH else (self.value,)


def write(
    template: str,
    *,
    to: str,
    subject: Callable[[], str],
    language: Language,
    context: Callable[[], Mapping[str, Any]] = dict,
    recipient_user_id: str | None = None,
) -> Email:
    """An e-mail from `jobs/mail/{template}.html` and `.txt`.

    `subject` and `context` are asked once for each language, with that language active. Texts of other people in the
    context must have passed `content_rules.neutral_body_text`.
    """
    subjects, htmls, texts = [], [], []
    for code in language.codes:
        with translation.override(code):
            values = {**context(), "subject": subject()}
            subjects.append(values["subject"])
            htmls.append(render_to_string(f"jobs/mail/{template}.html", values))
            texts.append(render_to_string(f"jobs/mail/{template}.txt", values).strip())
    frame = {"parts": htmls, "language": language.codes[0], "title": subjects[0]}
    return Email(
        to=to,
        subject=BETWEEN_SUBJECTS.join(dict.fromkeys(subjects)),
        html=render_to_string("jobs/mail/frame.html", frame),
        text="\n\n---\n\n".join(texts) + "\n",
        recipient_user_id=recipient_user_id,
    )
