"""Text without the passwords and tokens that it may quote."""

import re

MASK = "***"
SECRETS = (
    # In a URL, the password; all of the user's part where that has no colon.
    (re.compile(r"(\w://(?:[^\s/?#:@]*:)?)[^\s/?#]*@"), rf"\g<1>{MASK}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|pwd|secret|token|signature|(?:api|access)[-_]?key)(?:=|['\"]\s*:\s*)['\"]?)"
            r"[^\s&;,'\"]+"
        ),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"\b(Bearer|Basic|Token) [\w.~+/=-]{16,}"), rf"\g<1> {MASK}"),
)


def masked(text: str) -> str:
    """For logs. It knows secrets by where they stand: in URLs, behind `password=` and its like, behind `Bearer`."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text
