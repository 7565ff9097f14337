import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0004_max_consecutive_failures"),
    ]

    operations = [
        migrations.CreateModel(
            name="AppliedRevision",
            fields=[
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="applied",
                        serialize=False,
                        to="jobs.scheduledjob",
                        verbose_name="job",
                    ),
                ),
                ("set_name", models.CharField(max_length=100, verbose_name="set of schedules")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("removed_at", models.DateTimeField(null=True, verbose_name="removed at")),
            ],
            options={
                "verbose_name": "applied revision",
                "verbose_name_plural": "applied revisions",
                "indexes": [models.Index(fields=["set_name"], name="applied_of_set")],
            },
        ),
    ]
