"""The service's URL configuration with the earlier scheduler's routes on."""

from django.urls import include, path

from scheduler_project import legacy, urls

urlpatterns = [path("api/", include(legacy.ROUTES)), *urls.urlpatterns]
handler404 = urls.handler404
