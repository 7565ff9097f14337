"""CleanupOldLogsJob with OKLA's audit logs, which are only archived: each row in one object, and all of them stay."""

from collections.abc import Mapping
from typing import Any

from tests.crashes import invariants
from tests.crashes.cases.logs import CleanupOldLogs, Logs, broken_archive, differing
from tests.crashes.peers import Peers
from tests.crashes.stage import Stage


class ArchiveAuditLogs(CleanupOldLogs):
    """Into a folder."""

    name = "CleanupOldLogsJob, archive only"
    schema, room = "okla", "audit_logs"
    points = {
        "archive.after_index": 3, "archive.in_write": 5, "archive.after_upload": 3, "archive.after_verify": 3,
    }  # fmt: skip

    more = {
        "Id": "gen_random_uuid()", "UserId": "''", "Action": "'LOGIN'", "Resource": "''", "UserIp": "''",
        "UserAgent": "''", "AdditionalDataJson": "jsonb_build_object('n', n)", "Success": "true",
        "ServiceName": "'auth'", "Severity": "1",
    }  # fmt: skip

    def settings(self, stage: Stage) -> Mapping[str, Any]:
        return {"SCHEDULER_ARCHIVE_URL": stage.cold.as_uri()}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"sources": ["auditservice.audit.audit_logs"]}

    def broken(self, before: Logs, after: Logs) -> list[str]:
        return [
            *invariants.about("gone or changed", differing(before.rows, before.rows, after.rows)),
            *invariants.about("not archived as it is", differing(before.old, before.old, after.archived)),
            *broken_archive(before, after),
        ]
