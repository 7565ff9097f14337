"""Old and new code run side by side during an upgrade: no migration takes away what the old one needs."""

from typing import Any

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from tests.deploy.migration_rules import complaints

# Of each app, the last migration of the first release: what came before was never run beside anything. Until 0.1.0 is
# out these may grow; afterwards never.
FIRST_RELEASE = {"identity": "0002", "jobs": "0005", "executions": "0009"}
CHAR, INDEX = models.CharField(max_length=9), models.Index(fields=["name"], name="by_name")
CONSTRAINT = models.CheckConstraint(condition=models.Q(name__gt=""), name="named")


def test_every_migration_since_the_first_release_leaves_the_last_version_running() -> None:
    loader = MigrationLoader(None)
    found = {
        f"{app}.{name}: {title}": why
        for (app, name), migration in loader.disk_migrations.items()
        if name[:4] > FIRST_RELEASE.get(app, "9999")
        for title, why in complaints(migration, loader.project_state((app, name), at_end=False)).items()
    }
    assert not found


def judged(*operations: Any, **attributes: Any) -> dict[str, str]:
    state = ProjectState()
    fields = [("id", models.AutoField(primary_key=True)), ("name", CHAR), ("note", models.TextField(null=True))]
    state.add_model(ModelState("jobs", "Thing", fields))
    migration = type("Migration", (migrations.Migration,), {"operations": list(operations), **attributes})
    return complaints(migration("0099_test", "jobs"), state)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("thing", "note"),
        migrations.RenameField("thing", "note", "remark"),
        migrations.RenameModel("Thing", "Item"),
        migrations.DeleteModel("Thing"),
        migrations.AddField("thing", "size", models.IntegerField(default=0)),
        migrations.AddField("thing", "size", models.IntegerField(null=True, db_index=True)),
        migrations.AlterField("thing", "name", models.IntegerField()),
        migrations.AlterField("thing", "name", models.CharField(max_length=8)),
        migrations.AlterField("thing", "name", models.CharField(max_length=9, unique=True)),
        migrations.AlterField("thing", "note", models.TextField()),
        migrations.AddIndex("thing", INDEX),
        migrations.AddConstraint("thing", CONSTRAINT),
        migrations.RunSQL("ALTER TABLE jobs_thing DROP COLUMN note"),
        migrations.RunSQL("CREATE INDEX by_name ON jobs_thing (name)"),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("thing", "note")]),
    ],
    ids=lambda operation: operation.describe()[:60],
)
def test_what_the_last_version_cannot_bear_is_found(operation: Any) -> None:
    assert len(judged(operation)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("thing", "size", models.IntegerField(db_default=0)),
        migrations.AddField("thing", "size", models.IntegerField(null=True)),
        migrations.AlterField("thing", "name", models.CharField(max_length=10, verbose_name="Name")),
        migrations.AlterField("thing", "note", models.TextField(db_default="")),
        AddIndexConcurrently("thing", INDEX),
        AddConstraintNotValid("thing", CONSTRAINT),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY by_name ON jobs_thing (name)"),
        migrations.RunPython(migrations.RunPython.noop),
    ],
    ids=lambda operation: operation.describe()[:60],
)
def test_what_it_does_not_notice_is_allowed(operation: Any) -> None:
    assert not judged(operation)


def test_a_table_of_the_same_migration_is_nobodys_yet() -> None:
    made = migrations.CreateModel("Other", [("id", models.AutoField(primary_key=True)), ("name", CHAR)])
    assert not judged(made, migrations.AddIndex("other", INDEX), migrations.RemoveField("other", "name"))


def test_a_migration_may_say_why_it_does_it_all_the_same_but_not_without_need_or_reason() -> None:
    removal = migrations.RemoveField("thing", "note")
    assert not judged(removal, allowed={"RemoveField thing.note": "unused since 0.2"})
    for allowed in ({"RemoveField thing.note": " "}, {"RemoveField thing.name": "a slip"}):
        with pytest.raises(LookupError):
            judged(removal, allowed=allowed)
