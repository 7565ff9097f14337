"""The routes of API tokens, under /api/scheduler."""

from django.urls import path

from scheduler_project.identity.api import ApiTokensView, ApiTokenView

urlpatterns = [
    path("tokens", ApiTokensView.as_view(), name="tokens"),
    path("tokens/<str:token_id>", ApiTokenView.as_view(), name="token"),
]
