"""The table of the audit trail, its indexes, and the trigger that keeps every record as it was written."""

import uuid

from django.db import migrations, models

TABLE = """
CREATE TABLE audit_record (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    user_id uuid NULL,
    user_name varchar(150) NOT NULL,
    means varchar(10) NOT NULL,
    credential varchar(100) NOT NULL,
    address varchar(64) NOT NULL,
    correlation_id varchar(128) NOT NULL,
    action varchar(40) NOT NULL,
    subject_type varchar(20) NOT NULL,
    subject_id varchar(100) NOT NULL,
    subject_name varchar(200) NOT NULL,
    before jsonb NULL,
    after jsonb NULL
);
CREATE INDEX audit_of_subject ON audit_record (subject_type, subject_id, id);
CREATE INDEX audit_of_user ON audit_record (user_id, id);
"""
# ALWAYS: a session that plays a replica's part does not get around it either.
TRIGGER = """
CREATE FUNCTION audit_record_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit trail is only ever added to: % of audit_record is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_record_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_stays();
ALTER TABLE audit_record ENABLE ALWAYS TRIGGER audit_record_stays;
"""
BACK = "DROP TABLE audit_record; DROP FUNCTION audit_record_stays()"


class Migration(migrations.Migration):
    initial = True
    allowed = {"RunSQL": "the table is new: nobody reads or writes it yet, and nothing is truncated"}

    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="Record",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="at")),
                ("user_id", models.UUIDField(null=True, verbose_name="user id")),
                ("user_name", models.CharField(blank=True, max_length=150, verbose_name="who")),
                (
                    "means",
                    models.CharField(
                        choices=[
                            ("Session", "Session"),
                            ("Token", "API token"),
                            ("Bearer", "Token of OKLA's"),
                            ("Command", "Command"),
                            ("System", "System"),
                        ],
                        max_length=10,
                        verbose_name="with what",
                    ),
                ),
                (
                    "credential",
                    models.CharField(blank=True, max_length=100, verbose_name="name of the token or command"),
                ),
                ("address", models.CharField(blank=True, max_length=64, verbose_name="address")),
                ("correlation_id", models.CharField(blank=True, max_length=128, verbose_name="correlation id")),
                ("action", models.CharField(max_length=40, verbose_name="action")),
                ("subject_type", models.CharField(max_length=20, verbose_name="kind of subject")),
                ("subject_id", models.CharField(blank=True, max_length=100, verbose_name="subject id")),
                ("subject_name", models.CharField(blank=True, max_length=200, verbose_name="subject")),
                ("before", models.JSONField(null=True, verbose_name="before")),
                ("after", models.JSONField(null=True, verbose_name="after")),
            ],
            options={
                "verbose_name": "audit record",
                "verbose_name_plural": "audit records",
                "db_table": "audit_record",
                "ordering": ["-id"],
                "managed": False,
            },
        ),
        migrations.RunSQL(TABLE, BACK),
        migrations.RunSQL(TRIGGER, migrations.RunSQL.noop),
    ]
