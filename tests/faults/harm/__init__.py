"""The faults, one small function each.

A fault does its harm, yields the seconds until its next step, and puts right what a supervisor would not. It runs in
the stage's main thread between other things, so it never waits itself.
"""

from collections.abc import Iterator

Steps = Iterator[float]
