"""Lets the cron tests run without the project's settings; under them it changes nothing."""

from pathlib import Path

import django
from django.conf import settings

if not settings.configured:
    locale = Path(__file__).resolve().parents[2] / "jobs" / "locale"
    settings.configure(USE_I18N=True, LANGUAGES=[("en", "English"), ("es", "Español")], LOCALE_PATHS=[locale])
    django.setup()
