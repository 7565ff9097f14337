"""The ledger and what belongs to it: executions and their output, workers, beats, checks, idempotency keys, alerts."""

import uuid
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from executions import ids
from executions.enums import AlertRule, Channel, NoticeKind, NoticeState, Severity
from jobs.enums import ExecutionStatus, Trigger
from jobs.models import ScheduledJob

OPEN = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)
FINISHED = tuple(status for status in ExecutionStatus if status not in OPEN)
# The worst first.
NOT_WELL = (ExecutionStatus.FAILED, ExecutionStatus.MISSED, ExecutionStatus.SKIPPED, ExecutionStatus.CANCELLED)
NEVER_RAN = (ExecutionStatus.SKIPPED, ExecutionStatus.MISSED)


class ExecutionQuerySet(models.QuerySet["JobExecution"]):
    def active(self) -> "ExecutionQuerySet":
        """Running, or Queued and free to start: what the overlap policies count (SPEC §5).

        A retry waits until it is rung, even when its delay is over: its job may be paused or busy.
        """
        is_free = Q(status=ExecutionStatus.QUEUED, available_at__lte=Now())
        return self.filter(Q(status=ExecutionStatus.RUNNING) | is_free & ~Q(trigger=Trigger.RETRY, rung_at=None))

    def waiting(self) -> "ExecutionQuerySet":
        """Queued and free to start: what some worker should take."""
        return self.filter(status=ExecutionStatus.QUEUED, available_at__lte=Now())


class JobExecution(models.Model):
    """One attempt of one run, or the record of why a due time was not run. The id is also the Celery task's id.

    Rows are written by `executions.dispatch` (made), by `executions.ledger` (claimed, closed) and by nobody else.
    The table is partitioned by month on the id (`executions.partitions`), so nothing may refer to it by foreign key.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    job = models.ForeignKey(
        ScheduledJob, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="executions",
        verbose_name=_("job"),
    )  # fmt: skip
    # As they were for this run: the job may be edited, renamed or deleted while it waits.
    job_name = models.CharField(_("job name"), max_length=200)
    job_type = models.CharField(_("job type"), max_length=200)
    parameters = models.JSONField(_("parameters"), null=True)
    queue = models.CharField(_("queue"), max_length=100)
    priority = models.PositiveSmallIntegerField(_("priority"))

    scheduled_for = models.DateTimeField(_("scheduled for"), null=True)
    trigger = models.CharField(_("trigger"), max_length=8, choices=Trigger.choices)
    triggered_by = models.UUIDField(_("triggered by"), null=True)
    status = models.CharField(_("status"), max_length=9, choices=ExecutionStatus.choices)
    reason = models.CharField(_("reason"), max_length=20, blank=True, default="")

    queued_at = models.DateTimeField(_("queued at"))
    available_at = models.DateTimeField(_("available at"), null=True)  # null: held behind another run
    rung_at = models.DateTimeField(null=True)  # when its message was last published; null: not yet
    rings = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(_("started at"), null=True)
    completed_at = models.DateTimeField(_("completed at"), null=True)
    duration = models.DurationField(_("duration"), null=True)

    claim_token = models.UUIDField(null=True)  # known only to the process that runs it
    cancel_requested_at = models.DateTimeField(null=True)
    machine_name = models.CharField(_("machine"), max_length=255, blank=True, default="")
    process_id = models.PositiveIntegerField(_("process"), null=True)
    worker_name = models.CharField(_("worker"), max_length=255, blank=True, default="")
    worker_id = models.UUIDField(null=True)

    progress = models.PositiveSmallIntegerField(_("progress"), null=True)
    progress_message = models.CharField(_("progress message"), max_length=200, blank=True, default="")
    output = models.TextField(_("output"), blank=True, default="")
    result = models.JSONField(_("result"), null=True)
    error_message = models.TextField(_("error message"), null=True)
    stack_trace = models.TextField(_("stack trace"), null=True)

    retry_attempt = models.PositiveSmallIntegerField(_("retry attempt"), default=0)
    retry_of = models.UUIDField(_("retry of"), null=True)  # the first attempt

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        verbose_name = _("execution")
        verbose_name_plural = _("executions")
        ordering = ["-id"]
        constraints = [
            CheckConstraint(condition=Q(status__in=ExecutionStatus.values), name="execution_status_known"),
            CheckConstraint(condition=Q(trigger__in=Trigger.values), name="execution_trigger_known"),
            CheckConstraint(
                condition=~Q(status=ExecutionStatus.RUNNING) | Q(started_at__isnull=False, claim_token__isnull=False),
                name="execution_running_is_claimed",
            ),
            CheckConstraint(
                condition=Q(status__in=OPEN) | Q(completed_at__isnull=False), name="execution_finished_has_end"
            ),
            CheckConstraint(condition=Q(progress=None) | Q(progress__lte=100), name="execution_progress_range"),
        ]
        indexes = [
            models.Index(fields=["job", "-id"], name="execution_of_job"),
            models.Index(fields=["available_at"], condition=Q(status=ExecutionStatus.QUEUED), name="execution_waiting"),
            models.Index(fields=["job", "status"], condition=Q(status__in=OPEN), name="execution_open"),
            models.Index(fields=["completed_at"], condition=~Q(completed_at=None), name="execution_completed"),
            models.Index(fields=["completed_at"], condition=Q(status__in=NOT_WELL), name="execution_not_well"),
        ]

    def __str__(self) -> str:
        return f"{self.job_name} {self.scheduled_for or self.queued_at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_retry(self) -> bool:
        return self.retry_attempt > 0

    @property
    def is_finished(self) -> bool:
        return self.status not in OPEN

    @property
    def first_attempt(self) -> uuid.UUID:
        return self.retry_of or self.id

    @property
    def reference_time(self) -> datetime:
        """The instant that the run stands for: its due time, else the moment of asking."""
        return self.scheduled_for or ids.instant(self.first_attempt)


class OutputChunk(models.Model):
    """What a running execution has said so far. Folded into `JobExecution.output` when the row is closed."""

    execution_id = models.UUIDField()
    text = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["execution_id", "id"], name="chunk_of_execution")]

    def __str__(self) -> str:
        return f"{self.execution_id} #{self.pk}"


class Artifact(models.Model):
    """A file that a run left with its execution."""

    execution_id = models.UUIDField()
    name = models.CharField(_("name"), max_length=100)
    content_type = models.CharField(_("content type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))  # bytes
    content = models.BinaryField()
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("artifact")
        verbose_name_plural = _("artifacts")
        ordering = ["name"]
        constraints = [UniqueConstraint(fields=["execution_id", "name"], name="artifact_name_once")]

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """A Celery worker's main process: it writes here every few seconds that it lives, and which runs it holds."""

    id = models.UUIDField(primary_key=True, editable=False)  # of this start of the process
    name = models.CharField(_("name"), max_length=255)
    machine_name = models.CharField(_("machine"), max_length=255)
    process_id = models.PositiveIntegerField(_("process"))
    queues = ArrayField(models.CharField(max_length=100), verbose_name=_("queues"))
    processes = models.PositiveSmallIntegerField(_("processes"))
    execution_ids = ArrayField(models.UUIDField(), default=list, verbose_name=_("runs"))
    started_at = models.DateTimeField(_("started at"))
    last_seen_at = models.DateTimeField(_("last seen at"))
    stopped_at = models.DateTimeField(_("stopped at"), null=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["name", "-started_at"]

    def __str__(self) -> str:
        return self.name


class BeatLease(models.Model):
    """The one row that says which beat leads, and until when unless it is renewed (`executions.lease`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    holder = models.UUIDField()  # of this start of the process
    term = models.PositiveBigIntegerField(_("term"))
    machine_name = models.CharField(_("machine"), max_length=255)
    process_id = models.PositiveIntegerField(_("process"))
    since = models.DateTimeField(_("since"))
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("beat lease")
        verbose_name_plural = _("beat leases")
        constraints = [CheckConstraint(condition=Q(id=1), name="beat_lease_one")]

    def __str__(self) -> str:
        return f"{self.machine_name} #{self.term}"


class Watch(models.Model):
    """The one row that says since when turns of the schedule have been taken without a gap, by whichever process.

    After an outage every worker looks silent: who judges them must have seen the database answer for a while.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    since = models.DateTimeField()
    last_turn_at = models.DateTimeField()

    class Meta:
        constraints = [CheckConstraint(condition=Q(id=1), name="watch_one")]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M:%S}"


class LedgerCheck(models.Model):
    """One comparison of the due times that were planned with the rows of the ledger (SPEC §5, "0 unaccounted")."""

    checked_from = models.DateTimeField(_("from"))  # excluded
    checked_until = models.DateTimeField(_("until"))  # included
    finished_at = models.DateTimeField(_("finished at"))
    jobs = models.PositiveIntegerField(_("jobs"))
    planned = models.PositiveBigIntegerField(_("planned due times"))
    unaccounted = models.PositiveBigIntegerField(_("unaccounted"))  # planned, and no row says what became of it
    unplanned = models.PositiveBigIntegerField(_("unplanned"))  # a row of the schedule that no revision planned
    examples = models.JSONField(_("examples"), default=list)  # of both, the oldest first, at most some

    class Meta:
        verbose_name = _("ledger check")
        verbose_name_plural = _("ledger checks")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.checked_until:%Y-%m-%d %H:%M} {self.unaccounted}"


class ParkedMessage(models.Model):
    """A message of the broker that no worker could read: put aside, so that it neither kills nor loops one."""

    queue = models.CharField(_("queue"), max_length=100)
    reason = models.CharField(_("reason"), max_length=500)
    size = models.PositiveIntegerField(_("size"))  # bytes
    content = models.TextField(_("content"))  # its beginning
    parked_at = models.DateTimeField(_("parked at"), db_default=Now())
    worker_name = models.CharField(_("worker"), max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("parked message")
        verbose_name_plural = _("parked messages")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.queue} {self.reason}"


class IdempotencyKey(models.Model):
    """A caller's promise that two requests with this key are one. Kept for 24 h (SPEC §3, run-now)."""

    caller = models.UUIDField()
    job = models.ForeignKey(ScheduledJob, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    execution_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["caller", "job", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """Something that is wrong, from when it was noticed until it was over. One is open per (rule, job, subject)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.CharField(_("rule"), max_length=50, choices=AlertRule.choices)
    job = models.ForeignKey(
        ScheduledJob, on_delete=models.CASCADE, null=True, related_name="alerts", verbose_name=_("job")
    )
    subject = models.CharField(_("subject"), max_length=200)
    severity = models.CharField(
        _("severity"), max_length=8, choices=Severity.choices, default=Severity.ERROR, db_default=Severity.ERROR.value
    )
    message = models.TextField(_("message"), blank=True)  # a job's own words; a rule's are made from its facts
    facts = models.JSONField(_("facts"), default=dict, db_default={})
    opened_at = models.DateTimeField(_("opened at"))
    told_at = models.DateTimeField(_("told at"), null=True)  # when the first recipient had it
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    acknowledged_by = models.UUIDField(_("acknowledged by"), null=True)
    note = models.CharField(_("note"), max_length=1000, blank=True, default="", db_default="")
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-opened_at"]
        constraints = [
            UniqueConstraint(
                fields=["rule", "job", "subject"],
                condition=Q(closed_at=None),
                nulls_distinct=False,
                name="alert_one_open_per_subject",
            )
        ]
        indexes = [models.Index(fields=["-opened_at"], name="alert_opened")]

    def __str__(self) -> str:
        return self.subject


class AlertRound(models.Model):
    """The one row that says when the rules were last asked: whoever takes it asks them, however many would."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    asked_at = models.DateTimeField()
    # Of each rule by its name: up to this `completed_at` it has seen all that there will ever be.
    looked_until = models.JSONField(default=dict, db_default={})
    sign_of_life_at = models.DateTimeField(null=True)  # when the outgoing heartbeat was last sent

    class Meta:
        constraints = [CheckConstraint(condition=Q(id=1), name="alert_round_one")]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M:%S}"


class Notice(models.Model):
    """One thing to be told to one recipient: of an alert, or of a run that finally failed. Kept until it was told."""

    kind = models.CharField(_("kind"), max_length=9, choices=NoticeKind.choices)
    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, null=True, related_name="notices", verbose_name=_("alert")
    )
    job = models.ForeignKey(ScheduledJob, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("job"))
    execution_id = models.UUIDField(_("execution"), null=True)
    channel = models.CharField(_("channel"), max_length=14, choices=Channel.choices)
    recipient = models.CharField(_("recipient"), max_length=254, blank=True, default="")
    state = models.CharField(_("state"), max_length=8, choices=NoticeState.choices)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    next_try_at = models.DateTimeField(_("next try at"), db_default=Now())  # pushed ahead by whoever is just trying
    tries = models.PositiveIntegerField(_("tries"), default=0)
    last_error = models.TextField(_("last error"), blank=True, default="")
    sent_at = models.DateTimeField(_("sent at"), null=True)
    message_id = models.UUIDField(_("message"), null=True)  # of the message that told it; a digest tells many

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        constraints = [
            UniqueConstraint(
                fields=["alert", "kind", "channel", "recipient"], condition=Q(alert__isnull=False),
                name="notice_of_alert_once",
            ),
            UniqueConstraint(
                fields=["execution_id", "channel", "recipient"], condition=Q(execution_id__isnull=False),
                name="notice_of_run_once",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["channel", "recipient", "id"], condition=Q(state="Waiting"), name="notice_waiting"),
            models.Index(fields=["id"], condition=Q(state="Held"), name="notice_held"),
            models.Index(fields=["created_at"], condition=Q(state="Refused"), name="notice_refused"),
            models.Index(fields=["channel", "recipient", "-sent_at"], condition=Q(state="Sent"), name="notice_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel} {self.recipient}".strip()


class AuditCursor(models.Model):
    """How far AuditService has been told of one stream of events, and how it goes (`executions.audit_feed`)."""

    stream = models.CharField(_("stream"), primary_key=True, max_length=10, editable=False)
    told_until = models.DateTimeField(_("told until"))
    last_key = models.CharField(max_length=36)  # of the last one told that is of `told_until`
    next_try_at = models.DateTimeField(_("next try at"))  # pushed ahead by whoever is just telling
    failures = models.PositiveIntegerField(_("failures"), default=0)  # one after another
    last_error = models.TextField(_("last error"), blank=True, default="")
    told = models.PositiveBigIntegerField(_("told"), default=0)
    refused = models.PositiveBigIntegerField(_("refused"), default=0)  # passed over: no try would have been taken
    skipped = models.PositiveBigIntegerField(_("skipped"), default=0)  # given up: they had waited for a day
    gave_up_at = models.DateTimeField(_("gave up at"), null=True)

    class Meta:
        verbose_name = _("audit cursor")
        verbose_name_plural = _("audit cursors")
        ordering = ["stream"]

    def __str__(self) -> str:
        return self.stream


class Span(models.TextChoices):
    """What a roll-up is about: a minute or an hour of UTC, or all time."""

    MINUTE = "Minute"
    HOUR = "Hour"
    EVER = "Ever"


class Rollup(models.Model):
    """What ended within one span of time, of one job or of all (`job` null): counts that rows of the ledger add to.

    Written by `executions.rollups` alone, which counts each row once. Minutes are of all jobs together only, and the
    hours of one job have no histograms.
    """

    span = models.CharField(max_length=6, choices=Span.choices)
    begins_at = models.DateTimeField()  # of Ever: the epoch
    job = models.ForeignKey(
        ScheduledJob, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    completed = models.PositiveBigIntegerField()
    failed = models.PositiveBigIntegerField()
    cancelled = models.PositiveBigIntegerField()
    skipped = models.PositiveBigIntegerField()
    missed = models.PositiveBigIntegerField()
    retries = models.PositiveBigIntegerField()  # attempts after the first that ran
    ran = models.PositiveBigIntegerField()  # those that a worker had: they have a duration
    duration_total = models.DurationField()
    took_at_most = ArrayField(models.PositiveBigIntegerField())  # per bound: `executions.rollups.counts`
    fired = models.PositiveBigIntegerField()  # due times of the schedule, whatever became of them
    lateness_total = models.DurationField()  # from the due time to when it was fired
    late_at_most = ArrayField(models.PositiveBigIntegerField())

    class Meta:
        constraints = [UniqueConstraint(fields=["span", "job", "begins_at"], nulls_distinct=False, name="rollup_once")]

    def __str__(self) -> str:
        return f"{self.span} {self.begins_at:%Y-%m-%d %H:%M} {self.job_id or 'all'}"


class RollupCursor(models.Model):
    """The one row that says up to which `completed_at`, included, the ledger's rows stand in the roll-ups."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    folded_until = models.DateTimeField()

    class Meta:
        constraints = [CheckConstraint(condition=Q(id=1), name="rollup_cursor_one")]

    def __str__(self) -> str:
        return f"{self.folded_until:%Y-%m-%d %H:%M:%S}"
