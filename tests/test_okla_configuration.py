"""Secrets in files, and servers as OKLA's manifests name them, become our own variables; what is set already wins."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_project.okla_configuration import adopt

NPGSQL = (
    "Host=pg;Port=5433;Database=scheduler;Username=me;Password=p@ss;w;SSL Mode=Require;Trust Server Certificate=true"
)
EVERY_FORM = [
    {"SCHEDULERSERVICE_DATABASE_CONNECTION_STRING": "postgresql://me@pg/x"},
    {"ConnectionStrings__DefaultConnection": "Host=pg;Database=x;Username=me"},
    {"Database__ConnectionStrings__PostgreSQL": "Host=pg;Database=x;Username=me"},
    {"DATABASE_CONNECTION_STRING": "Host=pg;Database=x;Username=me"},
    {"Database__Host": "pg", "Database__Database": "x", "Database__Username": "me"},
    {"DATABASE_HOST": "pg", "DATABASE_NAME": "x", "DATABASE_USER": "me"},
]


def adopted(secrets: Path = Path("/nowhere"), **given: str) -> dict[str, str]:
    adopt(given, secrets)
    return given


@pytest.mark.parametrize("form", EVERY_FORM, ids=lambda form: next(iter(form)))
def test_the_database_is_found_in_each_form_that_okla_uses(form: dict[str, str]) -> None:
    assert adopted(**form)["DATABASE_URL"] == "postgresql://me@pg:5432/x"
    assert adopted(**form, DATABASE_URL="postgresql://own@other/y")["DATABASE_URL"] == "postgresql://own@other/y"


def test_of_several_forms_the_one_that_is_ours_alone_wins() -> None:
    together = {name: value for form in EVERY_FORM[1:] for name, value in form.items()}
    found = adopted(**together, SCHEDULERSERVICE_DATABASE_CONNECTION_STRING="Host=own;Database=x;Username=me")
    assert found["DATABASE_URL"] == "postgresql://me@own:5432/x"


def test_a_password_may_hold_what_a_url_may_not_and_options_are_kept() -> None:
    quoted = NPGSQL.replace("p@ss;w", '"p@ss;w/"')
    found = adopted(ConnectionStrings__DefaultConnection=quoted)["DATABASE_URL"]
    assert found == "postgresql://me:p%40ss%3Bw%2F@pg:5433/scheduler?sslmode=require"
    assert (
        adopted(Cache__Redis__Host="redis", REDIS_PASSWORD="a b")["CELERY_BROKER_URL"] == "redis://:a%20b@redis:6379/0"
    )


def test_the_broker_and_the_key_go_by_oklas_names_too() -> None:
    found = adopted(ConnectionStrings__RedisConnection="redis://:pw@redis:6379", JWT_SECRET_KEY="k" * 32)
    assert found["CELERY_BROKER_URL"] == "redis://:pw@redis:6379" and found["Jwt__Key"] == "k" * 32
    assert adopted(Services__AuditService="http://audit")["ServiceUrls__AuditService"] == "http://audit"


def test_a_secret_may_be_in_a_file_of_its_name_or_in_one_that_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "Jwt__Key").write_text("from the folder\n")
    (tmp_path / "..data").mkdir()
    (tmp_path / "kubernetes.io").mkdir()
    (tmp_path / "elsewhere").write_text("from elsewhere")
    found = adopted(tmp_path, AWS_SECRET_ACCESS_KEY_FILE=str(tmp_path / "elsewhere"), REDIS_PASSWORD="")
    assert found["Jwt__Key"] == "from the folder" and found["AWS_SECRET_ACCESS_KEY"] == "from elsewhere"
    assert adopted(tmp_path, Jwt__Key="set")["Jwt__Key"] == "set"


def test_a_file_that_cannot_be_read_names_its_variable_and_other_peoples_files_are_left_alone() -> None:
    with pytest.raises(ImproperlyConfigured, match="SCHEDULER_SECRET_KEY cannot be read from /no/such"):
        adopted(SCHEDULER_SECRET_KEY_FILE="/no/such")
    assert "SSL_CERT" not in adopted(SSL_CERT_FILE="/no/such")
