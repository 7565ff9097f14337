from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "scheduler_project.identity"
    label = "identity"
