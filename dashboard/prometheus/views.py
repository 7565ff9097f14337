"""GET /metrics: without identity, as a scraper has none; it tells counts and names of jobs, and nothing secret."""

from functools import partial

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import asking
from dashboard.prometheus.exposition import OPEN_METRICS, TEXT, exposition

# A scraper waits for 10 s unless it is told otherwise.
ANSWER_SECONDS = 9.0


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """503 while the database does not answer: to Prometheus, which reads `up`, that is a scrape that failed."""
    accepted = [each.split(";")[0].strip() for each in request.headers.get("Accept", "").split(",")]
    chosen = OPEN_METRICS if "application/openmetrics-text" in accepted else TEXT
    try:
        body = asking.within(ANSWER_SECONDS, asking.ask(chosen.content_type, partial(exposition, chosen)))
    except (Error, TimeoutError):
        return HttpResponse("# The database does not answer.\n", status=503, content_type="text/plain")
    return HttpResponse(body, content_type=chosen.content_type)
