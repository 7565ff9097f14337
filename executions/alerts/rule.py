"""What a rule is: one statement whose rows are what is wrong at this moment."""

from dataclasses import dataclass

from executions.enums import AlertRule, Severity


@dataclass(frozen=True)
class Rule:
    """`query` gives `job_id`, `subject`, `since` and `facts` (a JSON object) of everything that is wrong just now.

    `since`: from when it has been so; the one of the first row of an episode stays. `is_about_silence`: it takes
    something for missing that has not been heard of, so it is asked only once the database has been seen to answer for
    a while. The statements know the parameters of `executions.alerts.round`, and read the time with
    `statement_timestamp()`: an index can be asked about it.
    """

    name: AlertRule
    severity: Severity
    query: str
    is_about_silence: bool = False
