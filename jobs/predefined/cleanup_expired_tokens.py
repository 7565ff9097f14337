"""CleanupExpiredTokensJob: deletes refresh and verification tokens that have expired."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import Field

from jobs import guardrails
from jobs.base import Job, JobContext
from jobs.failpoints import failpoint
from jobs.gateways.tokens import BEGINNING, TokenTable


class CleanupExpiredTokensParameters(guardrails.LimitedJobParameters):
    batch_size: int = Field(5_000, ge=1, le=50_000, description=gettext_noop("How many tokens one statement deletes."))


class CleanupExpiredTokensJob(Job[CleanupExpiredTokensParameters]):
    description = _("Deletes refresh and verification tokens that have expired.")
    parameters_model = CleanupExpiredTokensParameters

    def execute(self, context: JobContext[CleanupExpiredTokensParameters]) -> Mapping[str, Any]:
        with context.gateways.tokens.open() as tables:
            expired = {table.name: table.count_expired(context.reference_time) for table in tables}
            for name, count in expired.items():
                context.log(f"{name}: {count} expired before {context.reference_time:%Y-%m-%d %H:%M:%S} UTC")
            guardrails.stop_if_too_many(context, sum(expired.values()), "expired tokens")
            if context.dry_run:
                return {"deleted": 0, "wouldDelete": sum(expired.values()), "tables": expired}
            deleted: dict[str, int] = {}
            for table in tables:
                done = sum(deleted.values())
                deleted[table.name] = self._clean(context, table, done, sum(expired.values()))
                context.log(f"{table.name}: {deleted[table.name]} deleted")
        total = sum(deleted.values())
        return guardrails.watch(context, {"deleted": total, "tables": deleted}, guardrails.ROWS, deleted_tokens=total)

    def _clean(
        self, context: JobContext[CleanupExpiredTokensParameters], table: TokenTable, done: int, total: int
    ) -> int:
        """Batch by batch until one comes back short; `done` of `total` are deleted before this table."""
        size = context.parameters.batch_size
        deleted, last, position = 0, size, BEGINNING
        while last == size:
            context.check_cancelled()
            last, position = table.delete_expired(context.reference_time, after=position, at_most=size)
            failpoint("tokens.after_batch")
            deleted += last
            context.progress(min(done + deleted, total), total, table.name)
        return deleted
