"""CleanupExpiredTokensJob on a real database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.jobs.conftest import Ran
from tests.okla import Okla

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ROOMS = ("refresh_tokens", "verification_tokens")


def fill(okla: Okla, *, expired: int, valid: int) -> None:
    for room in ROOMS:
        for number in range(expired + valid):
            okla.add(room, at=NOW + (-SECOND if number < expired else SECOND))


@pytest.mark.parametrize("batch_size", [1, 3, 5, 1000])
def test_expired_tokens_of_both_kinds_go_and_the_others_stay(
    okla: Okla, run_job: Callable[..., Ran], batch_size: int
) -> None:
    fill(okla, expired=6, valid=4)
    ran = run_job("CleanupExpiredTokensJob", at=NOW, batchSize=batch_size)
    assert ran.status == "Completed", ran.output
    assert ran.result == {"deleted": 12, "tables": {"RefreshTokens": 6, "VerificationTokens": 6}}
    for room in ROOMS:
        assert okla.count_of(room) == okla.count_of(room, f"{okla[room]['at']} >= '{NOW}'") == 4
    assert run_job("CleanupExpiredTokensJob", at=NOW).result["deleted"] == 0
    assert "RefreshTokens: 6 deleted" in ran.output


def test_a_token_that_expires_at_this_very_instant_is_not_expired_yet(okla: Okla, run_job: Callable[..., Ran]) -> None:
    okla.add("refresh_tokens", at=NOW)
    assert run_job("CleanupExpiredTokensJob", at=NOW).result["deleted"] == 0


def test_a_timestamp_of_minus_infinity_is_expired_and_breaks_nothing(okla: Okla, run_job: Callable[..., Ran]) -> None:
    for _number in range(5):
        okla.add("refresh_tokens", at="-infinity")
    assert run_job("CleanupExpiredTokensJob", at=NOW, batchSize=2).result["deleted"] == 5


def test_a_dry_run_counts_and_deletes_nothing(okla: Okla, run_job: Callable[..., Ran]) -> None:
    fill(okla, expired=3, valid=1)
    ran = run_job("CleanupExpiredTokensJob", at=NOW, dryRun=True)
    assert (ran.result["deleted"], ran.result["wouldDelete"]) == (0, 6)
    assert okla.count_of("refresh_tokens") == 4


def test_a_token_that_somebody_holds_is_left_for_the_next_run(okla: Okla, run_job: Callable[..., Ran]) -> None:
    fill(okla, expired=3, valid=0)
    with okla.connect("authservice") as connection, connection.transaction():
        connection.execute(f"SELECT 1 FROM {okla['refresh_tokens']} LIMIT 1 FOR UPDATE")
        assert run_job("CleanupExpiredTokensJob", at=NOW).result["deleted"] == 5
    assert run_job("CleanupExpiredTokensJob", at=NOW).result["deleted"] == 1


def test_without_the_database_configured_the_variable_to_set_is_named(
    configured: Callable[..., None], run_job: Callable[..., Ran]
) -> None:
    configured(SCHEDULER_SERVICE_DATABASES={})
    ran = run_job("CleanupExpiredTokensJob")
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "AUTHSERVICE_DATABASE_CONNECTION_STRING" in str(ran.outcome.error_message)


def test_a_missing_column_is_named_before_anything_is_deleted(okla: Okla, run_job: Callable[..., Ran]) -> None:
    fill(okla, expired=2, valid=0)
    okla.execute("authservice", 'ALTER TABLE "VerificationTokens" RENAME COLUMN "ExpiresAt" TO expires_at')
    try:
        ran = run_job("CleanupExpiredTokensJob", at=NOW)
        assert ran.status == "Failed" and not ran.outcome.can_retry
        message = str(ran.outcome.error_message)
        assert 'table "VerificationTokens" of database authservice has no column "ExpiresAt"' in message
        assert '"expires_at"' in message
        assert okla.count_of("refresh_tokens") == 2
    finally:
        okla.execute("authservice", 'ALTER TABLE "VerificationTokens" RENAME COLUMN expires_at TO "ExpiresAt"')


@pytest.mark.parametrize(
    ("address", "can_retry", "words"),
    [
        ({"port": "1"}, True, "authservice: connection failed"),
        ({"password": "wrong"}, False, "password authentication failed"),
        ({"dbname": "nowhere"}, False, 'database "nowhere" does not exist'),
    ],
)
def test_a_database_that_cannot_be_reached_says_why_and_whether_a_retry_can_help(
    okla: Okla, configured: Callable[..., None], run_job: Callable[..., Ran], address: dict[str, Any], can_retry: bool,
    words: str,
) -> None:  # fmt: skip
    configured(SCHEDULER_SERVICE_DATABASES={"authservice": {**okla.addresses["authservice"], **address}})
    ran = run_job("CleanupExpiredTokensJob")
    assert (ran.status, ran.outcome.can_retry) == ("Failed", can_retry)
    assert words in str(ran.outcome.error_message)
    assert "AUTHSERVICE_DATABASE_CONNECTION_STRING" in str(ran.outcome.error_message)
    assert okla.addresses["authservice"]["password"] not in ran.output
