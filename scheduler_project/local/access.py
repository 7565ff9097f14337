"""Who may sign in: what the environment presets, or else generated once and kept in var/secrets."""

import os
from dataclasses import dataclass

from scheduler_project.local.choices import Choices
from scheduler_project.local.folder import Folder

USERNAME = "admin"


@dataclass(frozen=True)
class Access:
    choices: Choices
    folder: Folder

    @property
    def admin_password(self) -> str:
        return self.choices.admin_password or self.folder.secret("admin-password")

    @property
    def api_token(self) -> str:
        return self.choices.api_token or self.folder.secret("api-token")

    @property
    def flower_login(self) -> str:
        """FLOWER_BASIC_AUTH, or the admin's. Flower reads a comma as the end of a login: such a password is not its."""
        password = self.folder.secret("flower-password") if "," in self.admin_password else self.admin_password
        return os.environ.get("FLOWER_BASIC_AUTH") or f"{USERNAME}:{password}"

    def environment(self) -> dict[str, str]:
        """For `manage.py ensure_access`."""
        return {"SCHEDULER_ADMIN_PASSWORD": self.admin_password, "SCHEDULER_API_TOKEN": self.api_token}

    def rows(self) -> dict[str, str]:
        """For a person; what was preset is known to them and not printed."""
        preset_password = self.choices.admin_password and "as in SCHEDULER_ADMIN_PASSWORD"
        rows = {
            "Sign in": f"{USERNAME} / {preset_password or self.admin_password}",
            "API token": "as in SCHEDULER_API_TOKEN" if self.choices.api_token else self.api_token,
        }
        if os.environ.get("FLOWER_BASIC_AUTH"):
            rows["Flower login"] = "as in FLOWER_BASIC_AUTH"
        elif "," in self.admin_password:
            rows["Flower login"] = self.flower_login.replace(":", " / ")
        return rows
