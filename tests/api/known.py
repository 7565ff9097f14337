"""schemathesis's hook that names what is there in most requests: random words are no ids and no job types."""

import json
import os
from typing import Any
from zlib import crc32

import schemathesis

KNOWN = "SCHEDULER_FUZZ_KNOWN"  # the ids of what is there, as JSON, by the names in the routes' brackets
OF_TWENTY = 16
DELETED_OF_TWENTY = 1  # what is deleted is away for all that comes after
SCHEDULES = "jobs: [{key: %s, name: %s, jobType: NoOpJob, cronExpression: '@daily'}]"
WORDS = {
    "jobType": ["NoOpJob", "HttpRequestJob", "BackupDatabaseJob", "CleanupExpiredListingsJob"],
    "cronExpression": ["@daily", "*/5 9-17 * * MON-FRI", "0 9 LW * *", "0 0 13 * 5", "0 0 31 2 *"],
    "timeZone": ["America/New_York", "Asia/Kathmandu", None],
    "document": [SCHEDULES % ("one", "one"), SCHEDULES % ("two", "'2'"), "jobs: []", "jobs: {"],
    "parameters": [{}, None, {"dryRun": True}, '{"dryRun": false}'],
}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Alike for alike requests: what is put in depends on the request alone."""
    number = crc32(repr((case.path_parameters, case.query, str(case.body)[:500])).encode())
    most = DELETED_OF_TWENTY if case.operation.method.upper() == "DELETE" else OF_TWENTY
    if number % 20 < most:
        _put(case.path_parameters, json.loads(os.environ.get(KNOWN, "{}")), number // 20)
        _put(case.body, WORDS, number // 20)


def _put(given: Any, words: dict[str, list[Any]], number: int) -> None:
    for name in given if isinstance(given, dict) else ():
        if choice := words.get(name):
            given[name] = choice[number % len(choice)]
