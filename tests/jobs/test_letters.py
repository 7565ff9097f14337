"""E-mails in one language or both, which NotificationService's content rules let pass."""

import pytest
from django.utils.translation import gettext as _

from jobs import letters
from jobs.gateways.content_rules import body_faults, subject_faults
from jobs.gateways.notifications import Email
from jobs.letters import Language


def a_letter(language: Language, sentence: str = "Listing Expired") -> Email:
    return letters.write(
        "notice",
        to="ana@example.com",
        subject=lambda: _("Listing Expired"),
        language=language,
        context=lambda: {"sentences": [_(sentence)]},
    )


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        (Language.ENGLISH, "Listing Expired"),
        (Language.SPANISH, "Su anuncio venció"),
        (Language.BOTH, "Listing Expired / Su anuncio venció"),
    ],
)
def test_a_letter_is_in_the_languages_asked_for(language: Language, subject: str) -> None:
    letter = a_letter(language)
    assert letter.subject == subject
    for words in subject.split(" / "):
        assert words in letter.html and words in letter.text
    assert f'<html lang="{language.codes[0]}">' in letter.html


def test_what_others_wrote_is_escaped_in_html_and_plain_in_text() -> None:
    letter = a_letter(Language.ENGLISH, "Toyota <b>&</b>")
    assert "Toyota &lt;b&gt;&amp;&lt;/b&gt;" in letter.html
    assert "Toyota <b>&</b>" in letter.text


@pytest.mark.parametrize("language", list(Language))
def test_the_content_rules_let_it_pass(language: Language) -> None:
    letter = a_letter(language)
    assert subject_faults(letter.subject) == body_faults(letter.html) == []
