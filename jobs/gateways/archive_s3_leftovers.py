"""Uploads in parts that were never completed: a server keeps what came, and charges for it, until they are given up."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

# No run takes that long: its timeout is a day at most.
LEFT_BEHIND_AFTER = timedelta(days=2)


def give_up_left_behind(client: "S3Client", bucket: str, below: str) -> None:
    """Those that killed runs have left, of objects whose names begin so.

    Never raises for a server's sake: not every key may list them, and what is not done now is done the next time.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=below)
        for upload in [found for page in pages for found in page.get("Uploads", ())]:
            if datetime.now(UTC) - upload["Initiated"] > LEFT_BEHIND_AFTER:
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
