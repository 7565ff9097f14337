"""What runs and when: ScheduledJob with its verbs, its revisions, its figures and its small durable state."""

import json
import re
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from jobs import cron, definition_checks, periodic, sessions
from jobs.as_code.applied import AppliedRevision  # noqa: F401 - Django looks for an app's models here
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, JobStatus, MisfirePolicy, OverlapPolicy, RetryBackoff
from jobs.holds import ScheduleHold  # noqa: F401 - and here
from jobs.messages import SentMessage  # noqa: F401 - and here
from jobs.signals import job_changed, job_changing, revised

# Who owns the predefined jobs.
SYSTEM_USER_ID = uuid.UUID("5c4ed01e-0000-4000-8000-000000000001")
# Many workers may finish runs of one job at once: each process counts in one of these rows, readers add them up.
FIGURE_STRIPES = 16
_TICK = timedelta(microseconds=1)

DEFINITION_FIELDS = (
    "name", "description", "job_type", "parameters", "cron_expression", "time_zone", "status", "paused_until",
    "pause_reason", "max_retries", "retry_delay_minutes", "retry_backoff", "timeout_seconds", "overlap_policy",
    "misfire_policy", "misfire_grace_seconds", "start_deadline_seconds", "max_duration_seconds", "grace_seconds",
    "max_consecutive_failures", "notify_on_failure", "notification_emails", "queue", "priority",
)  # fmt: skip
STATUS_FIELDS = frozenset({"status", "paused_until", "pause_reason", "paused_by_user_id"})
SCHEDULE_FIELDS = frozenset({"cron_expression", "time_zone", "status"})


class VersionConflict(Exception):
    """Somebody changed the job since the caller read it."""


class WrongStatus(Exception):
    """The job's status does not allow this verb."""


class JobQuerySet(models.QuerySet["ScheduledJob"]):
    def live(self) -> "JobQuerySet":
        return self.filter(deleted_at=None)

    def with_figures(self) -> "JobQuerySet":
        """With the rows that `total_executions` and its siblings add up, in one further query."""
        return self.prefetch_related("figures")


def _between(low: int, high: int) -> list[Any]:
    return [MinValueValidator(low), MaxValueValidator(high)]


def _none_or(field: str, low: int, high: int) -> Q:
    return Q(**{field: None}) | Q(**{f"{field}__range": (low, high)})


class ScheduledJob(models.Model):
    """A job: what runs, when, and by which policies (SPEC §2). Change it by its verbs, never by `save`.

    Each verb takes `by`, the id of the user who asks, and works in one transaction: due times up to now are settled
    under the old definition, then the job, its revision and its mirror in django-celery-beat are written.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(
        _("key"), max_length=200, editable=False,
        validators=[RegexValidator(r"^[a-z0-9]+([-_][a-z0-9]+)*\Z", _("Use lower-case letters, digits and hyphens."))],
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=200)
    description = models.CharField(_("description"), max_length=1000, blank=True)
    job_type = models.CharField(_("job type"), max_length=200)
    parameters = models.JSONField(_("parameters"), null=True, blank=True)
    cron_expression = models.CharField(_("cron expression"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default=cron.DEFAULT_TIME_ZONE, blank=True)

    status = models.CharField(_("status"), max_length=10, choices=JobStatus.choices, default=JobStatus.ENABLED)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("pause reason"), max_length=500, blank=True)
    paused_by_user_id = models.UUIDField(null=True, editable=False)
    next_execution_at = models.DateTimeField(_("next execution"), null=True, editable=False)

    max_retries = models.PositiveSmallIntegerField(_("max retries"), default=3, validators=_between(0, 20))
    retry_delay_minutes = models.PositiveIntegerField(_("retry delay (min)"), default=5, validators=_between(0, 1440))
    retry_backoff = models.CharField(
        _("retry backoff"), max_length=12, choices=RetryBackoff.choices, default=RetryBackoff.FIXED
    )
    timeout_seconds = models.PositiveIntegerField(_("timeout (s)"), default=3600, validators=_between(1, 86_400))
    overlap_policy = models.CharField(
        _("overlap policy"), max_length=14, choices=OverlapPolicy.choices, default=OverlapPolicy.SKIP
    )
    misfire_policy = models.CharField(
        _("misfire policy"), max_length=8, choices=MisfirePolicy.choices, default=MisfirePolicy.RUN_ONCE
    )
    misfire_grace_seconds = models.PositiveIntegerField(
        _("misfire grace (s)"), default=60, validators=_between(0, 86_400)
    )
    start_deadline_seconds = models.PositiveIntegerField(
        _("start deadline (s)"), null=True, blank=True, validators=_between(1, 2_592_000)
    )
    max_duration_seconds = models.PositiveIntegerField(
        _("maximum duration (s)"), null=True, blank=True, validators=_between(1, 86_400)
    )
    grace_seconds = models.PositiveIntegerField(_("start window (s)"), default=300, validators=_between(0, 86_400))
    max_consecutive_failures = models.PositiveSmallIntegerField(
        _("maximum failures in a row"), null=True, blank=True, validators=_between(0, 100)
    )
    notify_on_failure = models.BooleanField(_("notify on failure"), default=False)
    notification_emails = models.JSONField(_("notification e-mails"), default=list, blank=True)
    queue = models.CharField(
        _("queue"), max_length=100, default="default",
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", _("Use letters, digits, dots and hyphens."))],
    )  # fmt: skip
    priority = models.PositiveSmallIntegerField(_("priority"), default=5, validators=_between(0, 9))

    created_by_user_id = models.UUIDField(editable=False)
    created_at = models.DateTimeField(_("created at"), editable=False)
    last_modified_at = models.DateTimeField(_("last modified at"), null=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("scheduled job")
        verbose_name_plural = _("scheduled jobs")
        ordering = ["name", "id"]
        constraints = [
            UniqueConstraint(
                fields=["name"], condition=Q(deleted_at=None), name="job_name_unique_among_live",
            ),
            UniqueConstraint(
                fields=["key"], condition=Q(deleted_at=None), name="job_key_unique_among_live",
            ),
            CheckConstraint(condition=Q(status__in=JobStatus.values), name="job_status_known"),
            CheckConstraint(condition=Q(retry_backoff__in=RetryBackoff.values), name="job_retry_backoff_known"),
            CheckConstraint(condition=Q(overlap_policy__in=OverlapPolicy.values), name="job_overlap_policy_known"),
            CheckConstraint(condition=Q(misfire_policy__in=MisfirePolicy.values), name="job_misfire_policy_known"),
            CheckConstraint(condition=Q(max_retries__lte=20), name="job_max_retries_range"),
            CheckConstraint(condition=Q(retry_delay_minutes__lte=1440), name="job_retry_delay_range"),
            CheckConstraint(condition=Q(timeout_seconds__range=(1, 86_400)), name="job_timeout_range"),
            CheckConstraint(condition=Q(priority__lte=9), name="job_priority_range"),
            CheckConstraint(condition=Q(misfire_grace_seconds__lte=86_400), name="job_misfire_grace_range"),
            CheckConstraint(condition=_none_or("start_deadline_seconds", 1, 2_592_000), name="job_deadline_range"),
            CheckConstraint(condition=_none_or("max_duration_seconds", 1, 86_400), name="job_max_duration_range"),
            CheckConstraint(condition=Q(grace_seconds__lte=86_400), name="job_grace_range"),
            CheckConstraint(condition=_none_or("max_consecutive_failures", 0, 100), name="job_max_failures_range"),
            # On the schedule exactly when there is a next due time (None also when no due time is left).
            CheckConstraint(
                condition=~Q(status=JobStatus.DISABLED) | Q(next_execution_at=None), name="job_disabled_is_off_schedule"
            ),
            CheckConstraint(
                condition=Q(deleted_at=None) | Q(next_execution_at=None), name="job_deleted_is_off_schedule"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["next_execution_at"], condition=Q(next_execution_at__isnull=False), name="job_due"),
            models.Index(fields=["paused_until"], condition=Q(paused_until__isnull=False), name="job_pause_ends"),
        ]

    def __str__(self) -> str:
        return self.name

    # --- Verbs -------------------------------------------------------------------------------------------------------
    @classmethod
    def define(cls, *, by: uuid.UUID, **definition: Any) -> "ScheduledJob":
        """Create a job and put it on the schedule. Raises ValidationError with the fields at fault."""
        job = cls(created_by_user_id=by, **definition)
        with transaction.atomic():
            job.key = job.key or job._free_key()
            job.created_at = database_now()
            job._settle_into_schedule(job.created_at)
            job._store(by=by, now=job.created_at, changed=frozenset(DEFINITION_FIELDS))
        return job

    def redefine(self, *, by: uuid.UUID, expected_version: int | None = None, **changes: Any) -> "ScheduledJob":
        """Change some definition fields; the same values again change nothing, not even the version.

        Returns the job as it now is. Raises VersionConflict when `expected_version` is not the stored one,
        ValidationError with the fields at fault, ScheduledJob.DoesNotExist when the job is deleted.
        """
        with transaction.atomic():
            job, now = self._locked(expected_version)
            if "time_zone" in changes:
                changes["time_zone"] = changes["time_zone"] or cron.DEFAULT_TIME_ZONE
            changed = frozenset(name for name, value in changes.items() if getattr(job, name) != value)
            if not changed:
                return job
            job_changing.send(ScheduledJob, job=job, now=now)
            settled_until = job._settled_until(now)
            for name in changed:
                setattr(job, name, changes[name])
            if changed & SCHEDULE_FIELDS:
                job._settle_into_schedule(settled_until)
            job.version += 1
            job.last_modified_at = now
            job._store(by=by, now=now, changed=changed)
        return job

    def enable(self, *, by: uuid.UUID) -> "ScheduledJob":
        """Put a Disabled or Paused job on the schedule."""
        return self._with_status(JobStatus.ENABLED, by=by)

    def disable(self, *, by: uuid.UUID) -> "ScheduledJob":
        """Take the job off the schedule. Its queued runs are cancelled; a running one goes on and is not retried."""
        return self._with_status(JobStatus.DISABLED, by=by)

    def pause(self, *, by: uuid.UUID, reason: str = "", until: datetime | None = None) -> "ScheduledJob":
        """Record each due time as Skipped from now on, until `until` or `resume`. Raises WrongStatus when Disabled."""
        with transaction.atomic():
            job, now = self._locked()
            if job.status == JobStatus.DISABLED:
                raise WrongStatus(_("A disabled job cannot be paused: it is off the schedule. Enable it first."))
            if until and until <= now:
                raise ValidationError({"paused_until": _("This moment is past. Name one in the future, or none.")})
            return self.redefine(
                by=by, status=JobStatus.PAUSED, pause_reason=reason, paused_until=until, paused_by_user_id=by
            )

    def resume(self, *, by: uuid.UUID) -> "ScheduledJob":
        """End a pause; an Enabled job stays as it is. Raises WrongStatus when Disabled."""
        with transaction.atomic():
            if self._locked()[0].status == JobStatus.DISABLED:
                raise WrongStatus(_("A disabled job cannot be resumed. Enable it instead."))
            return self._with_status(JobStatus.ENABLED, by=by)

    @classmethod
    def resume_elapsed(cls) -> "list[ScheduledJob]":
        """End the pauses whose `paused_until` has come; return the jobs."""
        elapsed = cls.objects.live().filter(status=JobStatus.PAUSED, paused_until__lte=Now())
        with transaction.atomic():
            # Locked first: nobody disables or deletes one between the look and the verb.
            return [job.resume(by=SYSTEM_USER_ID) for job in elapsed.select_for_update(no_key=True, skip_locked=True)]

    def retire(self, *, by: uuid.UUID, expected_version: int | None = None) -> None:
        """Delete: off the schedule and out of every list at once. Its history stays; its name and key are free."""
        with transaction.atomic():
            job, now = self._locked(expected_version)
            job_changing.send(ScheduledJob, job=job, now=now)
            job.deleted_at = job.last_modified_at = now
            job.next_execution_at = None
            job.version += 1
            job.save()
            job._append_revision(by=by, now=now)
            periodic.unmirror(job)
            job_changed.send(ScheduledJob, job=job, changed=frozenset({"deleted_at"}), now=now)

    # --- Asked by the schedule ---------------------------------------------------------------------------------------
    @classmethod
    def claim_due(cls, *, limit: int, without: Collection[uuid.UUID] = ()) -> "list[ScheduledJob]":
        """Lock at most `limit` jobs whose due time has come by the database's clock, the longest overdue first.

        Call it inside a transaction. Jobs that somebody else holds are left out: two beats never fire one job at once.
        """
        return list(
            cls.objects.filter(next_execution_at__lte=Now())
            .exclude(id__in=without)
            .order_by("next_execution_at")
            .select_for_update(no_key=True, skip_locked=True)[:limit]
        )

    @staticmethod
    def advance(next_times: Iterable[tuple[uuid.UUID, datetime | None]]) -> None:
        """Set the next due time of many locked jobs in one statement."""
        ids, instants = zip(*next_times, strict=True)
        with transaction.get_connection().cursor() as cursor:
            cursor.execute(
                "UPDATE jobs_scheduledjob AS job SET next_execution_at = moved.at"
                " FROM unnest(%s::uuid[], %s::timestamptz[]) AS moved(id, at) WHERE job.id = moved.id",
                [list(ids), list(instants)],
            )

    @classmethod
    def seconds_to_next(cls) -> float | None:
        """Seconds until the next due time of any job (negative: overdue); None when nothing is scheduled."""
        with transaction.get_connection().cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM min(next_execution_at) - clock_timestamp())::float8"
                " FROM jobs_scheduledjob WHERE next_execution_at IS NOT NULL"
            )
            row = cursor.fetchone()
        return None if row is None else row[0]

    @property
    def definition(self) -> dict[str, Any]:
        """The definition as JSON holds it, by the names of DEFINITION_FIELDS."""
        definition = {name: getattr(self, name) for name in DEFINITION_FIELDS}
        held: dict[str, Any] = json.loads(json.dumps(definition, default=_isoformat))
        return held

    def revision(self, *, by: uuid.UUID, now: datetime) -> "ScheduleRevision":
        """The revision of what the job is now; not stored."""
        return ScheduleRevision(
            job=self, version=self.version, effective_from=now, status="Deleted" if self.deleted_at else self.status,
            changed_by_user_id=by, definition=self.definition,
        )  # fmt: skip

    @property
    def schedule(self) -> cron.Cron:
        return cron.parse(self.cron_expression, self.time_zone)

    def was_due(self, at: datetime) -> bool:
        """Whether `at` is a due time by the definition in force then; by the first one for times before the job."""
        revisions = self.revisions.order_by("-version")
        definition = revisions.filter(effective_from__lt=at).first() or revisions.last()
        if definition is None:
            return self.schedule.matches(at)
        then = definition.definition
        try:
            return cron.parse(then["cron_expression"], then["time_zone"]).matches(at)
        except cron.CronError:
            return False

    @property
    def is_enabled(self) -> bool:
        return self.status == JobStatus.ENABLED

    @property
    def is_on_schedule(self) -> bool:
        return self.status != JobStatus.DISABLED and self.deleted_at is None

    def was_paused_at(self, due: datetime) -> bool:
        """Was the job, by its present definition, paused at this due time?"""
        return self.status == JobStatus.PAUSED and (self.paused_until is None or due < self.paused_until)

    def retry_delay(self, attempt: int, *, jitter: float = 0.0) -> timedelta:
        """How long after a failure attempt number `attempt` (1 = first retry) waits. `jitter` is -1..1.

        Exponential doubles from `retry_delay_minutes`, at most 24 h, and takes 10 % of `jitter` (SPEC §2).
        """
        delay = timedelta(minutes=self.retry_delay_minutes)
        if self.retry_backoff == RetryBackoff.EXPONENTIAL:
            delay = min(delay * 2 ** (attempt - 1), timedelta(hours=24)) * (1 + 0.1 * jitter)
        return delay

    # --- Figures: over executions that ran ---------------------------------------------------------------------------
    @property
    def total_executions(self) -> int:
        return sum(row.total for row in self.figures.all())

    @property
    def successful_executions(self) -> int:
        return sum(row.successful for row in self.figures.all())

    @property
    def failed_executions(self) -> int:
        return sum(row.failed for row in self.figures.all())

    @property
    def average_duration(self) -> timedelta | None:
        total = self.total_executions
        return sum((row.duration_total for row in self.figures.all()), timedelta()) / total if total else None

    @property
    def last_execution_at(self) -> datetime | None:
        return self._last.last_started_at if self._last else None

    @property
    def last_execution_status(self) -> str | None:
        return self._last.last_status if self._last else None

    @property
    def last_execution_error(self) -> str | None:
        return self._last.last_error if self._last else None

    # --- Validation --------------------------------------------------------------------------------------------------
    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        # `clean` looks at the JSON, without the recursion that the field's own look would die of.
        super().clean_fields(exclude={*(exclude or ()), "parameters", "notification_emails"})

    def clean(self) -> None:
        definition_checks.ask((*self._checks_of_itself(), ("name", self._check_unique)))

    def clean_by_itself(self) -> None:
        """What `clean` says, but for what depends on other jobs: no query."""
        definition_checks.ask(self._checks_of_itself())

    def _checks_of_itself(self) -> tuple[definition_checks.Check, ...]:
        return (*definition_checks.of(self), ("paused_until", self._check_pause))

    def _check_pause(self) -> None:
        if self.status != JobStatus.PAUSED:
            self.paused_until, self.pause_reason, self.paused_by_user_id = None, "", None

    def _check_unique(self) -> None:
        others = ScheduledJob.objects.live().filter(Q(name=self.name) | Q(key=self.key)).exclude(pk=self.pk)
        for name, key in others.values_list("name", "key"):
            if name == self.name:
                text = _("Another job has this name. Choose another one, or change that job.")
                raise ValidationError({"name": ValidationError(text, code="JOB_003")})
            if key == self.key:
                raise ValidationError({"key": _("Another job has this key. Choose another one.")})

    # --- How the verbs do it -----------------------------------------------------------------------------------------
    def _with_status(self, status: JobStatus, *, by: uuid.UUID) -> "ScheduledJob":
        return self.redefine(by=by, status=status, paused_until=None, pause_reason="", paused_by_user_id=None)

    def _locked(self, expected_version: int | None = None) -> "tuple[ScheduledJob, datetime]":
        """The stored row, locked, and the database's time after the lock was won."""
        sessions.end_if_frozen()  # a process that stands still with the lock would keep the job from being fired
        job = ScheduledJob.objects.live().select_for_update(no_key=True).get(pk=self.pk)
        if expected_version is not None and job.version != expected_version:
            raise VersionConflict
        return job, database_now()

    def _settled_until(self, now: datetime) -> datetime:
        """Up to when due times have their rows: `now`, unless the schedule could not be read any more.

        What came due since then is made up by the schedule that mends it.
        """
        if self.next_execution_at and self.next_execution_at <= now:
            return self.next_execution_at - _TICK
        return now

    def _settle_into_schedule(self, settled_until: datetime) -> None:
        """The next due time after that; left open where the definition is at fault, which `clean` then says."""
        self.time_zone = self.time_zone or cron.DEFAULT_TIME_ZONE
        try:
            self.next_execution_at = self.schedule.next_after(settled_until) if self.is_on_schedule else None
        except cron.CronError:
            self.next_execution_at = None

    def _store(self, *, by: uuid.UUID, now: datetime, changed: frozenset[str]) -> None:
        self._validate(changed)
        try:
            with transaction.atomic():
                self.save()
        except IntegrityError:
            self._check_unique()  # somebody took the name or key between the look and the save
            raise
        self._append_revision(by=by, now=now)
        periodic.mirror(self)
        job_changed.send(ScheduledJob, job=self, changed=changed, now=now)

    def _validate(self, changed: frozenset[str]) -> None:
        """Status alone can always be changed: a job whose type or time zone is gone must be there to be disabled."""
        if changed <= STATUS_FIELDS:
            self._check_pause()
            self.clean_fields(exclude={field.name for field in self._meta.fields} - STATUS_FIELDS)
        else:
            # The constraints repeat the fields' own checks, with a query each; the database holds them all the same.
            self.full_clean(validate_constraints=False)

    def _append_revision(self, *, by: uuid.UUID, now: datetime) -> None:
        revision = self.revision(by=by, now=now)
        revision.save(force_insert=True)
        revised.send(ScheduleRevision, revisions=[revision])

    def _free_key(self) -> str:
        """A slug of the name, with a number behind it when another live job has that key."""
        slug = key_of(self.name)
        taken = set(ScheduledJob.objects.live().filter(key__startswith=slug).values_list("key", flat=True))
        taken |= periodic.foreign_names(slug)
        return next(key for key in (slug, *(f"{slug}-{n}" for n in range(2, len(taken) + 3))) if key not in taken)

    @property
    def _last(self) -> "JobFigures | None":
        rows = [(row.last_started_at, row.id, row) for row in self.figures.all() if row.last_started_at]
        return max(rows)[-1] if rows else None


def key_of(name: str) -> str:
    """The key that a job of this name has when it is given none and no other job has it."""
    return re.sub(r"[-_]{2,}", "-", slugify(name))[:190].strip("-_") or "job"


def _isoformat(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class ScheduleRevision(models.Model):
    """One state of a job's definition: from when it held, and who made it. Appended only, never changed."""

    job = models.ForeignKey(ScheduledJob, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField(_("version"))
    effective_from = models.DateTimeField(_("effective from"))
    status = models.CharField(_("status"), max_length=10)  # a JobStatus, or Deleted
    definition = models.JSONField(_("definition"))
    changed_by_user_id = models.UUIDField(_("changed by"))

    class Meta:
        verbose_name = _("schedule revision")
        verbose_name_plural = _("schedule revisions")
        ordering = ["-version"]
        constraints = [UniqueConstraint(fields=["job", "version"], name="revision_once_per_version")]

    def __str__(self) -> str:
        return f"{self.job_id} v{self.version}"


class JobFigures(models.Model):
    """The figures of a job, in stripes: rows that are added up, so that busy workers do not queue on one.

    Written by `executions.ledger` in the same statement that closes a run: the two can never drift apart.
    """

    job = models.ForeignKey(ScheduledJob, on_delete=models.CASCADE, related_name="figures")
    stripe = models.PositiveSmallIntegerField()
    total = models.PositiveBigIntegerField(default=0)
    successful = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    duration_total = models.DurationField(default=timedelta)
    last_started_at = models.DateTimeField(null=True)
    last_status = models.CharField(max_length=10, choices=ExecutionStatus.choices, blank=True)
    last_error = models.TextField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["job", "stripe"], name="figures_once_per_stripe")]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.stripe}"


class JobState(models.Model):
    """What a job's runs remember from one to the next: resume points, open episodes."""

    job = models.ForeignKey(ScheduledJob, on_delete=models.CASCADE, related_name="state")
    key = models.CharField(max_length=200)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["job", "key"], name="state_once_per_key")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.key}"
