"""E-mails as people get them: in English, Spanish or both, as HTML and as text, by the content rules of OKLA.md §2."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from jobs.gateways.content_rules import SUBJECT_MAX_UNITS, cut, units
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
        subject=joined(subjects),
        html=render_to_string("jobs/mail/frame.html", frame),
        text="\n\n---\n\n".join(texts) + "\n",
        recipient_user_id=recipient_user_id,
    )


def joined(subjects: Sequence[str]) -> str:
    """One subject in several languages, each cut to its share where they are too long together."""
    different = list(dict.fromkeys(subjects))
    whole = BETWEEN_SUBJECTS.join(different)
    if units(whole) <= SUBJECT_MAX_UNITS:
        return whole
    share = (SUBJECT_MAX_UNITS - len(BETWEEN_SUBJECTS) * (len(different) - 1)) // len(different)
    return BETWEEN_SUBJECTS.join(cut(subject, most=share) for subject in different)
