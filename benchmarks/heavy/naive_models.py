"""The neighbours' tables as models of Django, for the loops alone."""

# ruff: noqa: DJ008 - nobody looks at them
from django.db import models


class RefreshToken(models.Model):
    id = models.CharField(db_column="Id", primary_key=True, max_length=450)
    token = models.CharField(db_column="Token", max_length=500)
    user_id = models.CharField(db_column="UserId", max_length=450)
    expires_at = models.DateTimeField(db_column="ExpiresAt")
    created_at = models.DateTimeField(db_column="CreatedAt")
    revoked_at = models.DateTimeField(db_column="RevokedAt", null=True)

    class Meta:
        app_label, managed, db_table = "loops", False, "RefreshTokens"


class VerificationToken(models.Model):
    id = models.UUIDField(db_column="Id", primary_key=True)
    token = models.CharField(db_column="Token", max_length=500)
    email = models.CharField(db_column="Email", max_length=256)
    type = models.IntegerField(db_column="Type")
    expires_at = models.DateTimeField(db_column="ExpiresAt")
    created_at = models.DateTimeField(db_column="CreatedAt")
    is_used = models.BooleanField(db_column="IsUsed")

    class Meta:
        app_label, managed, db_table = "loops", False, "VerificationTokens"


class Log(models.Model):
    id = models.BigIntegerField(db_column="Id", primary_key=True)
    timestamp = models.DateTimeField(db_column="Timestamp")
    level = models.CharField(db_column="Level", max_length=20)
    service = models.CharField(db_column="Service", max_length=100)
    message = models.TextField(db_column="Message")
    exception = models.TextField(db_column="Exception", null=True)
    properties = models.JSONField(db_column="Properties", null=True)

    class Meta:
        app_label, managed, db_table = "loops", False, "Logs"


class Vehicle(models.Model):
    id = models.UUIDField(db_column="Id", primary_key=True)
    seller_id = models.UUIDField(db_column="SellerId")
    title = models.CharField(db_column="Title", max_length=300)
    make = models.CharField(db_column="Make", max_length=100)
    model = models.CharField(db_column="Model", max_length=100)
    year = models.IntegerField(db_column="Year")
    mileage = models.IntegerField(db_column="Mileage")
    price = models.DecimalField(db_column="Price", max_digits=18, decimal_places=2)
    currency = models.CharField(db_column="Currency", max_length=3)
    status = models.CharField(db_column="Status", max_length=20)
    suggested_price = models.DecimalField(db_column="SuggestedPrice", max_digits=18, decimal_places=2, null=True)
    created_at = models.DateTimeField(db_column="CreatedAt")
    published_at = models.DateTimeField(db_column="PublishedAt", null=True)
    sold_at = models.DateTimeField(db_column="SoldAt", null=True)
    city = models.CharField(db_column="City", max_length=100, null=True)

    class Meta:
        app_label, managed, db_table = "loops", False, "Vehicles"
