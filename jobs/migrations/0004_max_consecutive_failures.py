from django.core import validators
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0003_holds"),
    ]

    operations = [
        migrations.AddField(
            model_name="scheduledjob",
            name="max_consecutive_failures",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[validators.MinValueValidator(0), validators.MaxValueValidator(100)],
                verbose_name="maximum failures in a row",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledjob",
            constraint=models.CheckConstraint(
                condition=Q(
                    ("max_consecutive_failures", None), ("max_consecutive_failures__range", (0, 100)), _connector="OR"
                ),
                name="job_max_failures_range",
            ),
        ),
    ]
