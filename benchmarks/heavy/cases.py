"""The cases: for each its rows, the job that does it, and where somebody else would meet it at work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AUTH, LOGS, VEHICLES, USERS = "authservice", "errorservice", "vehiclessaleservice", "userservice"
SERVICES = (AUTH, LOGS, VEHICLES, USERS)

# Beside what has to go there is half as much that has to stay.
TOKENS = (
    'INSERT INTO "RefreshTokens" ("Id", "Token", "UserId", "ExpiresAt")'
    " SELECT gen_random_uuid()::text, gen_random_uuid()::text || gen_random_uuid()::text, gen_random_uuid()::text,"
    " now() + CASE WHEN n % 3 = 0 THEN interval '1 day' ELSE interval '-1 day' END * (0.01 + random())"
    " FROM generate_series(0, {rows} * 9 / 8 - 1) AS n",
    'INSERT INTO "VerificationTokens" ("Id", "Token", "Email", "Type", "ExpiresAt")'
    " SELECT gen_random_uuid(), gen_random_uuid()::text, 'user' || n || '@example.com', 1,"
    " now() + CASE WHEN n % 3 = 0 THEN interval '1 day' ELSE interval '-1 day' END * (0.01 + random())"
    " FROM generate_series(0, {rows} * 3 / 8 - 1) AS n",
)
# A week's, as the job meets them every Sunday; one in twenty with a stack trace.
LOG_ROWS = (
    'INSERT INTO "Logs" ("Timestamp", "Level", "Service", "Message", "Exception", "Properties")'
    " SELECT now() + CASE WHEN n < {rows} THEN interval '-98 days' ELSE interval '-8 days' END"
    " + interval '7 days' * ((n % {rows})::float / {rows}), 'Error', 'service-' || n % 30,"
    " 'Request ' || gen_random_uuid() || ' of user ' || n % 1000 || ' failed after ' || n % 5000 || ' ms',"
    " CASE WHEN n % 20 = 0 THEN repeat('   at Okla.Services.Handler.HandleAsync(Request request) in Handler', 20) END,"
    " jsonb_build_object('requestId', gen_random_uuid(), 'path', '/api/vehicles/' || n, 'status', 500)"
    " FROM generate_series(0, {rows} * 3 / 2 - 1) AS n",
)
LISTINGS = (
    'INSERT INTO "Vehicles" ("Id", "SellerId", "Title", "Make", "Model", "Year", "Mileage", "Price", "Currency",'
    ' "Status", "PublishedAt")'
    " SELECT gen_random_uuid(), md5((n % (1 + {rows} / 10))::text)::uuid, 'Toyota Corolla LE ' || n, 'Toyota',"
    " 'Corolla', 2010 + n % 15, n % 200000, 500000 + n % 1000000, 'DOP', 'Active',"
    " now() - CASE WHEN n % 3 = 0 THEN interval '1 day' ELSE interval '31 days' END * (1 + random() * 9)"
    " FROM generate_series(0, {rows} * 3 / 2 - 1) AS n",
)
SELLERS = (
    'INSERT INTO "Users" ("Id", "Email") SELECT md5(n::text)::uuid, \'seller\' || n || \'@example.com\''
    " FROM generate_series(0, {rows} / 10) AS n",
)


@dataclass(frozen=True)
class Case:
    """`rows`: what fills the tables, by service. `due`: which rows of `table` the job is for; it goes along `order`.

    `touched`: a column that somebody else writes to meanwhile. `rounds`: how many of which size.
    """

    name: str
    job_type: str
    what: str
    service: str
    rows: Mapping[str, tuple[str, ...]]
    table: str
    order: str
    due: str
    touched: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rounds: Mapping[int, int] = field(default_factory=lambda: {10_000: 5, 100_000: 5, 1_000_000: 3})
    is_bound_to_ratio: bool = True


TOKENS_CASE = Case(
    name="tokens",
    job_type="CleanupExpiredTokensJob",
    what="expired tokens deleted",
    service=AUTH,
    rows={AUTH: TOKENS},
    table='"RefreshTokens"',
    order='"ExpiresAt"',
    due='"ExpiresAt" < now()',
    touched='"UserId"',
)
LOGS_CASE = Case(
    name="logs",
    job_type="CleanupOldLogsJob",
    what="log rows archived and deleted",
    service=LOGS,
    rows={LOGS: LOG_ROWS},
    table='"Logs"',
    order='"Id"',
    due="\"Timestamp\" < now() - interval '91 days' + interval '1 minute'",
    touched='"Level"',
)
LISTINGS_CASE = Case(
    name="listings",
    job_type="UpdateVehicleListingStatusJob",
    what="listings expired",
    service=VEHICLES,
    rows={VEHICLES: LISTINGS, USERS: SELLERS},
    table='"Vehicles"',
    order='"Id"',
    due="\"Status\" = 'Active' AND \"PublishedAt\" < now() - interval '30 days'",
    touched='"City"',
    parameters={"notifySellers": False},
    rounds={10_000: 5, 100_000: 5},
)
MESSAGES_CASE = Case(
    name="messages",
    job_type="UpdateVehicleListingStatusJob",
    what="listings expired, each seller told",
    service=VEHICLES,
    rows={VEHICLES: LISTINGS, USERS: SELLERS},
    table='"Vehicles"',
    order='"Id"',
    due=LISTINGS_CASE.due,
    touched='"City"',
    rounds={10_000: 5, 100_000: 1},
    # Each message is written down twice around its request, which the loop does not do and is paid for when it crashes.
    is_bound_to_ratio=False,
)
CASES = (TOKENS_CASE, LOGS_CASE, LISTINGS_CASE, MESSAGES_CASE)
