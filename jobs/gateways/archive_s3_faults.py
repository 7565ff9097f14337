"""What a server that speaks S3 objects to, or fails in, as errors that say what to mend and whether to try again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobs.gateways.archive_contract import ArchiveError

RIGHTS = "s3:PutObject, s3:GetObject, s3:ListBucket, s3:DeleteObject and s3:AbortMultipartUpload"
NO_BUCKET = "There is no bucket {bucket} there: make it, or correct {variable}."
NO_RIGHT = f"The key in AWS_ACCESS_KEY_ID needs the rights {RIGHTS} for this bucket ({{variable}})."
OTHER_REGION = "The bucket is elsewhere: correct region or endpoint in {variable}."
REMEDIES = {
    "404": NO_BUCKET,
    "NoSuchBucket": NO_BUCKET,
    "403": f"The key is wrong, or lacks a right. {NO_RIGHT}",
    "AccessDenied": NO_RIGHT,
    "InvalidAccessKeyId": "Nobody there knows the key in AWS_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID.",
    "ExpiredToken": "The key has expired: renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
    "InvalidStorageClass": "That server has no such storage class: set the job's storageClass to STANDARD.",
    "InvalidObjectState": "The object is in cold storage: have it restored there before it can be read.",
    "RequestTimeTooSkewed": "This machine's clock is wrong.",
    "301": OTHER_REGION,
    "PermanentRedirect": OTHER_REGION,
    "AuthorizationHeaderMalformed": OTHER_REGION,
    "SlowDown": "It asks for fewer requests; the next try may succeed.",
}
# 4xx that the next try may not meet.
PASSING = frozenset(
    {
        "408", "409", "429", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "TooManyRequests",
        "BadDigest", "IncompleteBody", "NoSuchUpload", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
    }
)  # fmt: skip


@dataclass(frozen=True)
class S3Faults:
    """Of one bucket. `variable`: the one that holds its address."""

    bucket: str
    endpoint: str | None
    variable: str

    @contextmanager
    def told(self, name: str = "") -> Iterator[None]:
        """`name`: of the object that it is about, if it is about one."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ClientError as fault:
            raise self._refused(fault, name) from fault
        except RecursionError as fault:  # botocore follows a server that sends it in circles
            text = (
                f"{self._server} sends on to another place without end. {OTHER_REGION.format(variable=self.variable)}"
            )
            raise ArchiveError(text, permanent=True) from fault
        except (BotoCoreError, Boto3Error, ResponseParserError, HTTPError) as fault:
            raise self._unreached(fault) from fault

    def _refused(self, fault: Any, name: str) -> ArchiveError:
        code, status = code_of(fault), fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = " ".join(str(fault.response.get("Error", {}).get("Message", "")).split())[:200]
        remedy = REMEDIES.get(code, "Look at {variable}.").format(bucket=self.bucket, variable=self.variable)
        is_permanent = 400 <= status < 500 and code not in PASSING
        about = f" of {name}" if name else ""
        text = f"{self._server} answered {fault.operation_name}{about} with {code} ({said}). {remedy}"
        return ArchiveError(text, permanent=is_permanent)

    def _unreached(self, fault: Exception) -> ArchiveError:
        from botocore import exceptions

        if isinstance(fault, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
            text = f"{self._server} needs a key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            return ArchiveError(text, permanent=True)
        line = " ".join(str(fault).split())[:300]
        passing = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.ReadTimeoutError)
        is_permanent = isinstance(fault, exceptions.BotoCoreError) and not isinstance(fault, passing)
        text = f"{self._server} cannot be used: {line}. Look at {self.variable}."
        return ArchiveError(text, permanent=is_permanent or isinstance(fault, exceptions.SSLError))

    @property
    def _server(self) -> str:
        return f"The S3 bucket {self.bucket} at {self.endpoint or 'AWS'}"


def code_of(fault: Any) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))
