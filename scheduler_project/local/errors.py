"""What stops a start and is told to a person, without a traceback."""


class StartError(Exception):
    """Its text says what is wrong and what to do about it."""
