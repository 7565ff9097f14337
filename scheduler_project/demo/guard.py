"""The demo is for machines of one's own: production refuses it."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

REFUSAL = (
    "SCHEDULER_ENVIRONMENT is production, and the demo never runs there: it makes databases and keeps every e-mail."
    " Take the demo out of what is started (in compose: `demo` out of COMPOSE_PROFILES), or set"
    " SCHEDULER_ENVIRONMENT=development."
)


def refuse_in_production() -> None:
    """Raise ImproperlyConfigured where the settings are those of production."""
    if settings.IS_PRODUCTION:
        raise ImproperlyConfigured(REFUSAL)
