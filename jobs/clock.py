"""The database's time, the only one that decides what is due."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The database server's clock at this statement, aware, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    now: datetime = row[0]
    return now
