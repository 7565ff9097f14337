"""pytest's first word: environment, servers and Django, before any other conftest or test is imported.

Here and not in plugins named by `-p`: plain `pytest` loads those before this folder is on the path.
"""

import os

import django
import pytest
from django.conf import settings

from tests import engines, environment

if settings.configured:
    raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests bring settings and servers of their own")
environment.prepare()
engines.start()
django.setup()
# Not for the workers of pytest-xdist: pytest-django would read the settings there before this file has had its say.
del os.environ["DJANGO_SETTINGS_MODULE"]
