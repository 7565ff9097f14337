"""Where everything is."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from scheduler_project import legacy
from scheduler_project.probes import PROBES
from scheduler_project.rest import UnknownRoute

api: list[URLPattern | URLResolver] = [
    path("", include("jobs.urls")),
    path("", include("executions.urls")),
    path("", include("dashboard.urls")),
    path("", include("scheduler_project.audit.urls")),
    path("", include("scheduler_project.identity.urls")),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
urlpatterns = [
    path("", include("dashboard.pages.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("api/scheduler/", include(api)),
    path("api/", include(legacy.routes())),
    re_path(r"^api/", UnknownRoute.as_view()),
    *(path(route, probe, name=route.replace("/", "-")) for route, probe in PROBES.items()),
]
handler400 = "scheduler_project.rest.bad_request"
handler403 = "scheduler_project.error_pages.forbidden"
handler404 = "scheduler_project.error_pages.not_found"
handler500 = "scheduler_project.error_pages.server_error"
