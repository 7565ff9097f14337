"""The loops of the client's first document, as one writes them first: load all, then change one by one through the ORM.

`python -m benchmarks.heavy.loops CASE [one-transaction]`: in a process of its own, with no more of Django than
they need. It says "ready", waits for a line, and says how long it took and by how much it grew.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dj_database_url
import django
import requests
from django.conf import settings

from benchmarks import memory

DATABASE, NOTIFICATIONS, FOLDER = "LOOP_DATABASE", "LOOP_NOTIFICATIONS", "LOOP_FOLDER"
ONE_TRANSACTION = "one-transaction"


def delete_tokens(models: Any) -> int:
    now = datetime.now(UTC)
    expired = [
        *models.RefreshToken.objects.filter(expires_at__lt=now),
        *models.VerificationToken.objects.filter(expires_at__lt=now),
    ]
    for token in expired:
        token.delete()
    return len(expired)


def archive_logs(models: Any) -> int:
    from django.core import serializers

    old = list(models.Log.objects.filter(timestamp__lt=datetime.now(UTC) - timedelta(days=90)))
    (Path(os.environ[FOLDER]) / "logs.json").write_text(serializers.serialize("json", old))
    for log in old:
        log.delete()
    return len(old)


def expire_listings(models: Any, *, tell: Callable[[Any], None] = lambda listing: None) -> int:
    expiry = datetime.now(UTC) - timedelta(days=30)
    expired = list(models.Vehicle.objects.filter(published_at__lt=expiry, status="Active"))
    for listing in expired:
        listing.status = "Expired"
        tell(listing)
        listing.save()
    return len(expired)


def expire_listings_and_tell(models: Any) -> int:
    return expire_listings(models, tell=tell_seller)


def tell_seller(listing: Any) -> None:
    text = f"Your listing for {listing.title} has expired. Renew to keep it active."
    mail = {"to": str(listing.seller_id), "subject": "Listing Expired", "body": text}
    url = f"{os.environ[NOTIFICATIONS]}/api/internal/notifications/email"
    requests.post(url, json=mail, timeout=10).raise_for_status()


LOOPS: dict[str, Callable[[Any], int]] = {
    "tokens": delete_tokens,
    "logs": archive_logs,
    "listings": expire_listings,
    "messages": expire_listings_and_tell,
}


def main(name: str, *, is_one_transaction: bool) -> None:
    settings.configure(
        DATABASES={"default": {**dj_database_url.parse(os.environ[DATABASE]), "CONN_MAX_AGE": None}}, USE_TZ=True
    )
    django.setup()
    from django.db import connection, transaction

    from benchmarks.heavy import naive_models

    connection.ensure_connection()
    idle = memory.resident(os.getpid())
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    with transaction.atomic() if is_one_transaction else nullcontext():
        rows = LOOPS[name](naive_models)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "rows": rows, "growth": memory.peak(os.getpid()) - idle}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], is_one_transaction=ONE_TRANSACTION in sys.argv[2:])
