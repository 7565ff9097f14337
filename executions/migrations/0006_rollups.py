import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0005_alerts_and_notices"),
        ("jobs", "0003_holds"),
    ]

    operations = [
        migrations.CreateModel(
            name="RollupCursor",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("folded_until", models.DateTimeField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="rollup_cursor_one")],
            },
        ),
        migrations.CreateModel(
            name="Rollup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "span",
                    models.CharField(choices=[("Minute", "Minute"), ("Hour", "Hour"), ("Ever", "Ever")], max_length=6),
                ),
                ("begins_at", models.DateTimeField()),
                ("completed", models.PositiveBigIntegerField()),
                ("failed", models.PositiveBigIntegerField()),
                ("cancelled", models.PositiveBigIntegerField()),
                ("skipped", models.PositiveBigIntegerField()),
                ("missed", models.PositiveBigIntegerField()),
                ("retries", models.PositiveBigIntegerField()),
                ("ran", models.PositiveBigIntegerField()),
                ("duration_total", models.DurationField()),
                (
                    "took_at_most",
                    django.contrib.postgres.fields.ArrayField(base_field=models.PositiveBigIntegerField(), size=None),
                ),
                ("fired", models.PositiveBigIntegerField()),
                ("lateness_total", models.DurationField()),
                (
                    "late_at_most",
                    django.contrib.postgres.fields.ArrayField(base_field=models.PositiveBigIntegerField(), size=None),
                ),
                (
                    "job",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="jobs.scheduledjob",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("span", "job", "begins_at"), name="rollup_once", nulls_distinct=False
                    )
                ],
            },
        ),
    ]
