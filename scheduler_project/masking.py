"""Text without the passwords and tokens that it may quote."""

import re

MASK = "***"
SECRETS = (
    # In a URL, the password; all of the user's part where that has no colon.
    (re.compile(r"(\w://(?:[^\s/?#:@]*:)?)[^\s/?#]*@"), rf"\g<1>{MASK}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|passphrase|pwd|secret|token|signature|(?:api|access|private)[-_]?key)(?:=|['\"]\s*:\s*)['\"]?)"
            r"[^\s&;,'\"]+"
        ),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"\b(Bearer|Basic|Token) [\w.~+/=-]{16,}"), rf"\g<1> {MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), MASK),  # a JWT, wherever it stands
)


def masked(text: str) -> str:
    """For logs. It knows secrets by where they stand: in URLs, behind `password=` and its like, behind `Bearer`."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text
