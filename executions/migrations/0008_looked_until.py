from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0007_audit_cursor"),
    ]

    operations = [
        # What runs beside it and does not know the column leaves it as it is: rules then look further back.
        migrations.AddField(
            model_name="alertround",
            name="looked_until",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
