"""The jobs against the demo in OKLA's own tables, its services over HTTP: each does its work, and then has none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs import gateways
from tests.demo.demo_process import INTERNAL_KEY, JWT_KEY, RunningDemo, start_demo
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import FAST

JOBS: dict[str, dict[str, Any]] = {
    "CleanupExpiredTokensJob": {},
    "CleanupOldLogsJob": {},
    "UpdateVehicleListingStatusJob": {},
    "SendReminderEmailsJob": {},
    "SyncVehiclePricesJob": FAST,
    "GenerateDailyReportsJob": {},
}


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory, configured: Callable[..., None]) -> Iterator[RunningDemo]:
    """It runs, and the gateways lead to it."""
    demo = start_demo(tmp_path_factory.mktemp("okla"), schema="okla")
    configured(
        SCHEDULER_TABLE_MAPPING="okla",
        SCHEDULER_SERVICE_DATABASES={name: demo.databases.address(name) for name in demo.databases.services},
        SCHEDULER_NOTIFICATION_SERVICE_URL=f"{demo.address}/notificationservice",
        SCHEDULER_INTERNAL_API_KEY=INTERNAL_KEY,
        SCHEDULER_JWT={"key": JWT_KEY, "issuer": "AuthService-Dev", "audience": "OKLA-Dev"},
        SCHEDULER_PRICING_AGENT_URL=f"{demo.address}/pricingagent",
        SCHEDULER_ARCHIVE_URL=demo.cold_storage.as_uri(),
        SCHEDULER_SMTP_URL="",
    )
    yield demo
    gateways.current.cache_clear()
    demo.end()


def test_each_does_its_work_and_then_finds_none(demo: RunningDemo, run_job: Callable[..., Ran]) -> None:
    before = rows_of(demo)
    overview = demo.get("/").text
    assert "UpdateVehicleListingStatusJob" in overview and ">150<" in overview
    did = run_all(run_job)
    assert did["CleanupExpiredTokensJob"]["deleted"] == 380
    logs = did["CleanupOldLogsJob"]
    assert (logs["rowsArchived"], logs["rowsDeleted"]) == (2_500 + 2 * 600, 2_500)
    assert did["UpdateVehicleListingStatusJob"]["expired"] == 150
    assert did["SendReminderEmailsJob"]["sent"] >= 8
    prices = did["SyncVehiclePricesJob"]
    assert prices["asked"] == prices["groups"] > 100 and prices["updated"] > 1_000 and prices["skipped"] > 20
    assert did["GenerateDailyReportsJob"]["sent"] == 1
    assert rows_of(demo) == before, "what is deleted, promoted, cancelled, of the audit or an analysis of theirs stays"
    mails = demo.rows("okla", "SELECT count(*) FROM emails")

    again = run_all(run_job)
    assert again["CleanupExpiredTokensJob"]["deleted"] == 0
    assert (again["CleanupOldLogsJob"]["rowsArchived"], again["CleanupOldLogsJob"]["objects"]) == (0, 0)
    assert again["UpdateVehicleListingStatusJob"]["expired"] == 0
    assert again["SyncVehiclePricesJob"]["updated"] == 0
    assert demo.rows("okla", "SELECT count(*) FROM emails") == mails


def run_all(run_job: Callable[..., Ran]) -> dict[str, dict[str, Any]]:
    results = {}
    for job_type, parameters in JOBS.items():
        ran = run_job(job_type, **parameters)
        assert ran.status == "Completed", f"{job_type}: {ran.outcome.error_message}\n{ran.output}"
        results[job_type] = ran.result
    return results


def rows_of(demo: RunningDemo) -> list[Any]:
    """A digest of all that no job may touch."""
    promoted = '"IsDeleted" OR "IsFeatured" OR "IsPremium" OR "SoldAt" IS NOT NULL'
    untouchable = (
        ("vehiclessaleservice", f"vehicles t WHERE {promoted}"),
        ("vehicleintelligenceservice", "price_analyses t WHERE \"InfluencingFactors\" NOT LIKE '%Scheduler%'"),
        ("appointmentservice", '"Appointments" t WHERE "Status" NOT IN (0, 1, 6)'),
        ("auditservice", "audit.audit_logs t"),
        ("auditservice", "audit.audit_events t"),
    )
    digest = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM"
    return [demo.rows(service, f"{digest} {what}") for service, what in untouchable]
