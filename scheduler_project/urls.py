"""Where everything is."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from scheduler_project import health
from scheduler_project.rest import UnknownRoute

api: list[URLPattern | URLResolver] = [
    path("", include("jobs.urls")),
    path("", include("executions.urls")),
    path("", include("dashboard.urls")),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("api/scheduler/", include(api)),
    re_path(r"^api/", UnknownRoute.as_view()),
    path("health", health.ready, name="health"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/live", health.live, name="health-live"),
]
handler400 = "scheduler_project.rest.bad_request"
handler404 = "scheduler_project.rest.page_not_found"
handler500 = "scheduler_project.rest.server_error"
