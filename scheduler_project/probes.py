"""What machines ask: probes of a pod and the scraper of metrics. Their routes, and an answer before all other rules."""

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

from dashboard.prometheus.views import metrics
from scheduler_project import health

PROBES: Mapping[str, Callable[[HttpRequest], HttpResponse]] = {
    "health": health.ready, "health/ready": health.ready, "health/live": health.live, "metrics": metrics,
}  # fmt: skip


class ProbesMiddleware(MiddlewareMixin):
    """Kubernetes and Prometheus come to a pod's own address, by plain HTTP: what SCHEDULER_ALLOWED_HOSTS and
    SCHEDULER_SSL_REDIRECT ask of people is not asked of them. Nor have they a session to be read."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if hasattr(request, "urlconf"):
            return None  # the demo's: it answers for itself
        probe = PROBES.get(request.path_info.removeprefix("/"))
        if probe is None:
            return None
        with translation.override(translation.get_language_from_request(request)):
            return probe(request)
