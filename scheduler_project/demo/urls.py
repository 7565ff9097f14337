"""Where everything of the demo is: each service below its own name, the pages for people beside them."""

from django.urls import path

from scheduler_project.demo import pages
from scheduler_project.demo.exchange import speaks
from scheduler_project.demo.services import audit, health, notifications, pricing

NOTIFICATIONS, AUDIT, AGENT, ML = "notificationservice", "auditservice", "pricingagent", "pricing-ml"

urlpatterns = [
    path("", pages.overview, name="overview"),
    path("health", pages.health),
    path("faults", pages.faults, name="faults"),
    path("mailbox/", pages.mailbox, name="mailbox"),
    path("mailbox/<uuid:key>/", pages.email, name="email"),
    path("requests/", pages.requests, name="requests"),
    path("requests/<int:key>/", pages.request, name="request"),
    path(
        "notificationservice/api/internal/notifications/email",
        speaks(NOTIFICATIONS, notifications.email_from_inside, "POST"),
    ),
    path("notificationservice/api/notifications/email", speaks(NOTIFICATIONS, notifications.email, "POST")),
    path("notificationservice/api/notifications/admin-alert", speaks(NOTIFICATIONS, notifications.admin_alert, "POST")),
    path(
        "notificationservice/api/notifications/<uuid:key>/status",
        speaks(NOTIFICATIONS, notifications.status, "GET"),
    ),
    path("auditservice/api/audit", speaks(AUDIT, audit.create, "POST")),
    path("pricingagent/api/pricing-agent/quick-check", speaks(AGENT, pricing.quick_check, "GET")),
    path("pricingagent/api/pricing-agent/health", speaks(AGENT, pricing.agent_health, "GET")),
    path("pricing-ml/api/pricing/predict", speaks(ML, pricing.predict, "POST")),
    path("pricing-ml/api/pricing/health", speaks(ML, pricing.ml_health, "GET")),
    path("<slug:service>/health", health.health),
    path("<slug:service>/<path:rest>", health.unknown_route),
]
