"""pytest's first word: environment, servers and Django, before any other conftest or test is imported.

Here and not in plugins named by `-p`: plain `pytest` loads those before this folder is on the path.
"""

import django

from tests import engines, environment

environment.prepare()
engines.start()
django.setup()
