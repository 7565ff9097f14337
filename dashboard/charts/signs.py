"""Shapes beside the colours: who does not tell red from green tells a cross from none.

A path fits a square of eight around the origin. What went well has no sign.
"""

from collections.abc import Mapping

CROSS = "M-3-4L0-1 3-4 4-3 1 0 4 3 3 4 0 1-3 4-4 3-1 0-4-3Z"
TRIANGLE = "M0-4L4 4H-4Z"
BEAM = "M-4-1.5H4V1.5H-4Z"
SIGNS: Mapping[str, str] = {"Failed": CROSS, "Missed": TRIANGLE, "Cancelled": BEAM}
# What was skipped takes less room than what ran.
SLIM = "Skipped"
SLIM_SHARE = 0.4
