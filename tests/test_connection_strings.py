"""Addresses of other services' databases, in both forms that OKLA's services are given them."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_project.connection_strings import of_services, parse

NAME = "AUTHSERVICE_DATABASE_CONNECTION_STRING"
FULL = {"host": "db", "port": "5433", "dbname": "auth", "user": "me", "password": "p;w"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("postgresql://me:p%3Bw@db:5433/auth", FULL),
        ("postgres://me:p%3Bw@db:5433/auth", FULL),
        ("Host=db;Port=5433;Database=auth;Username=me;Password='p;w'", FULL),
        ('Server=db; Port=5433; DB=auth; User Id=me; Pwd="p;w";', FULL),
        ("  HOST = db ;port=5433;DATABASE=auth;UserName=me;password='p;w';Pooling=true;Command Timeout=30  ", FULL),
        ("postgresql://me@db/auth", {"host": "db", "port": "5432", "dbname": "auth", "user": "me"}),
        (
            "postgresql://me@db/auth?sslmode=require",
            {"host": "db", "port": "5432", "dbname": "auth", "user": "me", "sslmode": "require"},
        ),
        (
            "Host=db;Database=auth;Username=me;SSL Mode=Require;Trust Server Certificate=true",
            {"host": "db", "port": "5432", "dbname": "auth", "user": "me", "sslmode": "require"},
        ),
        (
            "Host=db;Database=auth;Username=me;SslMode=VerifyFull;Password='it''s'",
            {
                "host": "db",
                "port": "5432",
                "dbname": "auth",
                "user": "me",
                "sslmode": "verify-full",
                "password": "it's",
            },
        ),
        (
            "Host=db;Database=auth;Username=me;Password=a=b",
            {"host": "db", "port": "5432", "dbname": "auth", "user": "me", "password": "a=b"},
        ),
    ],
)
def test_an_address_is_read_in_either_form(text: str, found: dict[str, str]) -> None:
    assert parse(NAME, text) == found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mysql://me:hush@db/auth", "neither a URL nor a connection string"),
        ("hush", "neither a URL nor a connection string"),
        ("postgresql://me:hush@db:0x/auth", "port|no valid URL"),
        ("postgresql://me:hush@db", "names no database"),
        ("postgresql://db/auth", "names no user name"),
        ("Host=db;Database=auth;Password=hush", "names no user name"),
        ("Host=db;Database=auth;Username=me;Password=hush;Port=70000", "port"),
        ("Host=db;Database=auth;Username=me;hush", "not of the form Keyword=value"),
        ("postgresql://me:hu%zzsh@db/auth", "no valid URL"),
    ],
)
def test_what_is_wrong_is_told_with_the_variable_and_without_the_password(text: str, complaint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=complaint) as told:
        parse(NAME, text)
    assert str(told.value).startswith(NAME)
    assert "hush" not in str(told.value)
    assert "Host=...;Port=5432" in str(told.value)


def test_the_alias_is_the_services_name() -> None:
    found = of_services(
        {
            "AUTHSERVICE_DATABASE_CONNECTION_STRING": "postgresql://me@db/auth",
            "VEHICLESSALESERVICE_DATABASE_CONNECTION_STRING": "Host=db;Database=cars;Username=me",
            "USERSERVICE_DATABASE_CONNECTION_STRING": " ",
            "_DATABASE_CONNECTION_STRING": "nonsense",
            "DATABASE_URL": "postgresql://me@db/ours",
        }
    )
    assert {alias: address["dbname"] for alias, address in found.items()} == {
        "authservice": "auth",
        "vehiclessaleservice": "cars",
    }
