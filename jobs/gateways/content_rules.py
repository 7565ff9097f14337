"""What OKLA's NotificationService accepts as text, and how to say what it would take for an attack (OKLA.md §2).

It looks for forbidden pieces anywhere in a text and in any case, so “Nissan Select” and “updated” are attacks to it.
A WORD JOINER inside such a piece hides it from that search and nobody sees it: it has no width and allows no break.
"""

import re
from collections.abc import Iterable

WORD_JOINER = "\u2060"
SUBJECT_MAX_UNITS = 200
# Their validators' two lists; "EXECUTE", "</script>" and the like are in the shorter ones.
SQL_PIECES = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "EXEC", "UNION", "DECLARE", "CAST", "CONVERT",
    "--", "/*", "*/", "xp_", "sp_", "INFORMATION_SCHEMA", "SYSOBJECTS", "SYSCOLUMNS", "TABLE_SCHEMA", "@@VERSION",
    "WAITFOR", "DELAY", "BENCHMARK", "SLEEP", "SHUTDOWN",
)  # fmt: skip
HTML_PIECES = (
    "<script", "</script>", "javascript:", "vbscript:", "<iframe", "</iframe>", "<object", "</object>", "<embed",
    "</embed>", "<img", "<svg", "<link", "src=", "base64", "data:text/html", "eval(", "expression(", "onload=",
    "onerror=", "onclick=", "onmouseover=", "onfocus=", "onblur=", "onanimationstart=", "onanimationend=",
    "ontransitionend=",
)  # fmt: skip
BREAKING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


def subject_faults(text: str) -> list[str]:
    """Why a subject, or an alert's title, would be refused; empty when it would not."""
    faults = [f"holds {piece!r}" for piece in _pieces_in(text, SQL_PIECES + HTML_PIECES)]
    if not text.strip():
        faults.append("is empty")
    if units(text) > SUBJECT_MAX_UNITS:
        faults.append(f"is longer than {SUBJECT_MAX_UNITS} characters")
    if BREAKING.search(text):
        faults.append("holds a line break or another control character")
    if HALF_CHARACTER.search(text):
        faults.append("holds half a character")
    return faults


def body_faults(html: str) -> list[str]:
    """Why an e-mail's HTML would be refused; empty when it would not."""
    faults = [f"holds {piece!r}" for piece in _pieces_in(html, HTML_PIECES)]
    if not html.strip():
        faults.append("is empty")
    if "\0" in html:
        faults.append("holds a null character")
    if HALF_CHARACTER.search(html):
        faults.append("holds half a character")
    return faults


def neutral_subject(text: str) -> str:
    """`text` on one line, without forbidden pieces, cut with “…” to what a subject may be. It reads the same."""
    return cut(_broken(BREAKING.sub(" ", whole(text)).strip(), SQL_PIECES + HTML_PIECES), most=SUBJECT_MAX_UNITS)


def neutral_alert_text(text: str, *, most: int) -> str:
    """`text` as an alert's message, to which the rules of subjects apply except for its lines and length."""
    return cut(_broken(whole(text).replace("\0", ""), SQL_PIECES + HTML_PIECES), most=most)


def neutral_body_text(text: str) -> str:
    """`text` without the pieces that HTML must not hold, for use inside an e-mail's body, before or after escaping."""
    return _broken(whole(text).replace("\0", ""), HTML_PIECES)


def whole(text: str) -> str:
    """`text` with U+FFFD for each half of a character, which no UTF-8 can hold."""
    return HALF_CHARACTER.sub("\ufffd", text)


def storable(text: str) -> str:
    """`text` of somebody else's as PostgreSQL can keep it, which holds neither half a character nor NUL."""
    return whole(text).replace("\0", "\ufffd")


def units(text: str) -> int:
    """Length as .NET counts it, in units of UTF-16: most emoji are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, *, most: int) -> str:
    """`text` in at most that many units, the last of which is “…” when something was left out."""
    if units(text) <= most:
        return text
    kept = text[: most - 1]
    while units(kept) > most - 1:
        kept = kept[:-1]
    return kept + "…"


def _broken(text: str, pieces: Iterable[str]) -> str:
    """`text` with a joiner before the last character of each forbidden piece."""
    forbidden = [_folded(piece) for piece in pieces]
    longest = max(map(len, forbidden))
    result: list[str] = []
    for character in text:
        ending = _folded("".join(result[-longest:]) + character)
        if any(piece in ending for piece in forbidden):
            result.append(WORD_JOINER)
        result.append(character)
    return "".join(result)


def _pieces_in(text: str, pieces: Iterable[str]) -> list[str]:
    folded = _folded(text)
    return [piece for piece in pieces if _folded(piece) in folded]


def _folded(text: str) -> str:
    """Without case, however the other side takes it away: for some of them ı is i, and ſ is s."""
    return text.upper().casefold()
