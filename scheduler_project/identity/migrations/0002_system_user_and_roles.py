"""The system user, to whom the predefined jobs belong, and a Django group for each role."""

import uuid

from django.db import migrations

SYSTEM_USER_ID = uuid.UUID("5c4ed01e-0000-4000-8000-000000000001")
ROLES = ("viewer", "operator", "admin")


def forwards(apps, schema_editor):
    User, Group = apps.get_model("identity", "User"), apps.get_model("auth", "Group")
    User.objects.update_or_create(
        id=SYSTEM_USER_ID, defaults={"username": "system", "is_active": False, "password": "!"}
    )
    for role in ROLES:
        Group.objects.get_or_create(name=role)


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
