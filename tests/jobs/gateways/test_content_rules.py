"""What NotificationService would refuse is found, and neutral texts pass and read the same."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.gateways import alert_mail
from jobs.gateways.content_rules import (
    HTML_PIECES,
    SQL_PIECES,
    SUBJECT_MAX_UNITS,
    WORD_JOINER,
    body_faults,
    cut,
    neutral_alert_text,
    neutral_body_text,
    neutral_subject,
    subject_faults,
    units,
    whole,
)

CASES = st.sampled_from([str.lower, str.upper, str.title, str.swapcase])
PIECES = st.builds(lambda piece, case: case(piece), st.sampled_from(SQL_PIECES + HTML_PIECES), CASES)
LETTERS = st.text(st.sampled_from("sSſelectunıonKaſﬆcdr-/*<>=: \u2060ß"), max_size=12)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=8), LETTERS), max_size=8).map("".join)


def refused_by_the_service(text: str, pieces: tuple[str, ...] = SQL_PIECES + HTML_PIECES) -> bool:
    """Its search, in each of the ways that case is taken away."""
    forms = (text.casefold(), text.lower(), text.upper().lower())
    return any(piece.casefold() in form for piece in pieces for form in forms)


def read(text: str) -> str:
    return text.replace(WORD_JOINER, "")


# --- What is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "subject",
    [
        "Nissan Select", "Ejecución: Execution", "updated", "created", "deleted", "delay", "alternativa", "reunion",
        "Toyota Alterado", "Broadcast", "El señor Castillo", "*/5 * * * *", "a -- b", "crisp_chips", "@@version",
        "sleeper", "<IMG", "src=1", "base64", "uNiOn",
    ],
)  # fmt: skip
def test_a_subject_with_a_forbidden_piece_is_found_and_its_neutral_form_passes(subject: str) -> None:
    assert subject_faults(subject)
    assert subject_faults(neutral_subject(subject)) == []
    assert read(neutral_subject(subject)) == subject


@pytest.mark.parametrize("subject", ["Daily Sales Report", "Listing Expired", "Reminder: Appointment Tomorrow", "Año"])
def test_an_innocent_subject_stays_as_it_is(subject: str) -> None:
    assert subject_faults(subject) == []
    assert neutral_subject(subject) == subject


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("", "is empty"),
        (" \u00a0", "is empty"),
        ("x" * 201, "longer than 200"),
        ("😀" * 101, "longer than 200"),
        ("two\nlines", "line break"),
        ("two\r\nBcc: somebody@example.com", "line break"),
        ("a\u2028b", "line break"),
        ("a\0b", "control character"),
        ("half \ud83d", "half a character"),
    ],
)
def test_a_subject_that_is_no_line_is_found(subject: str, fault: str) -> None:
    assert any(fault in found for found in subject_faults(subject)), subject_faults(subject)


@pytest.mark.parametrize(
    "html",
    [
        "<p><IMG alt=''></p>", "<script>", "<svg/>", "<iframe>", "<a href='javascript:x'>", "<a SRC=x>", "<link rel=x>",
        "<b onload=x>", "data:text/html,x", "Base64", "eval(1)", "", " ", "a\0b", "\udc00",
    ],
)  # fmt: skip
def test_a_body_that_would_be_refused_is_found(html: str) -> None:
    assert body_faults(html)


def test_words_that_a_subject_must_not_hold_are_welcome_in_a_body() -> None:
    assert body_faults("<p>Your listing was updated; select -- and delete /* it */.</p>") == []


# --- What is neutral -------------------------------------------------------------------------------------------------
@given(TEXTS)
@example("SELSELECTECT").via("a piece inside a piece")
@example("-----").via("pieces that overlap")
@example("cas\u2060t caﬆ").via("a joiner of theirs, and a letter that is two")
def test_a_neutral_subject_has_no_fault_and_reads_the_same(text: str) -> None:
    subject = neutral_subject(text)
    assert not refused_by_the_service(subject)
    assert "\n" not in subject and units(subject) <= SUBJECT_MAX_UNITS
    if read(subject).strip():
        assert subject_faults(subject) == []
    if not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text) and not subject.endswith("…"):
        assert read(subject) == read(text.strip())


@given(TEXTS)
def test_a_neutral_body_text_has_no_fault_and_reads_the_same(text: str) -> None:
    neutral = neutral_body_text(text)
    assert not refused_by_the_service(neutral, HTML_PIECES)
    assert read(neutral) == read(whole(text).replace("\0", ""))
    assert body_faults(f"<p>{neutral}</p>") == []


@given(TEXTS, st.integers(1, 60))
def test_a_neutral_alert_text_keeps_its_lines_and_its_length(text: str, most: int) -> None:
    neutral = neutral_alert_text(text, most=most)
    assert not refused_by_the_service(neutral)
    assert units(neutral) <= most
    if not neutral.endswith("…"):
        assert read(neutral) == read(whole(text).replace("\0", ""))


@given(TEXTS, TEXTS)
def test_an_alert_as_an_e_mail_passes_whatever_its_words_are(title: str, message: str) -> None:
    html = alert_mail.html(title=title, message=message, severity="Critical")
    assert body_faults(html) == []


def test_an_alert_as_an_e_mail_shows_markup_as_text() -> None:
    html = alert_mail.html(title="<b>", message="a & b\n<script>x", severity="Info")
    assert "<b>" not in html and "<script" not in html
    assert "a &amp; b<br>&lt;" in html


# --- Lengths ---------------------------------------------------------------------------------------------------------
@given(st.text(st.sampled_from("ab😀\u2060")), st.integers(1, 10))
def test_a_cut_text_is_short_enough_and_says_that_it_was_cut(text: str, most: int) -> None:
    short = cut(text, most=most)
    assert len(short.encode("utf-16-le")) // 2 <= most
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    assert (short == text) == (len(text.encode("utf-16-le")) // 2 <= most)
