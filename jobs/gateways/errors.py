"""What a gateway raises: an error that says whether a retry can help and whether it may have been done all the same."""

from jobs.base import JobError


class GatewayError(JobError):
    """An outside world did not do what was asked, or nobody knows whether it did.

    `permanent`: trying again cannot help, somebody has to mend something first.
    `is_uncertain`: the request left and no answer came back; it may have been carried out.
    """

    def __init__(self, message: str, *, permanent: bool = False, is_uncertain: bool = False) -> None:
        super().__init__(message, permanent=permanent)
        self.is_uncertain = is_uncertain


class NotConfigured(GatewayError):
    """The job needs a neighbour that nobody has named. The message names the variable to set."""

    def __init__(self, what: str, *variables: str) -> None:
        super().__init__(f"{what} is not configured: set {' or '.join(variables)}.", permanent=True)
