"""Cold storage in a bucket of any server that speaks the S3 protocol."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jobs.gateways.archive_contract import READ_BYTES, AlreadyThere, ArchiveError, Entry, Stored, checked_name, never
from jobs.gateways.archive_fingerprint import INCOMPARABLE, Fingerprint, Part, base64_of, difference, fingerprint_of
from jobs.gateways.archive_s3_faults import S3Faults, code_of
from jobs.gateways.archive_s3_leftovers import give_up_left_behind

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

CONNECT_SECONDS, READ_SECONDS, TRIES = 5, 60, 3
PART_BYTES = 64 * 1024 * 1024
PROBE = ".check"


@dataclass(frozen=True)
class S3Archive:
    """`prefix`: of all names, without a slash at its end. The key comes from AWS_* as for every AWS program.

    Files above `part_bytes` go in parts of that size, each checked by the server as it comes in.
    """

    bucket: str
    variable: str
    prefix: str = ""
    endpoint: str | None = None  # None: AWS's own
    region: str | None = None
    part_bytes: int = PART_BYTES

    def check(self) -> None:
        where = self._where(PROBE)
        with self._faults.told():
            self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1)
            # Begun and given up: that takes the right to write and, unlike a small object, leaves nothing behind.
            begun = self._client.create_multipart_upload(**where)
            self._client.abort_multipart_upload(**where, UploadId=begun["UploadId"])

    def put(
        self, name: str, path: Path, *, storage_class: str = "STANDARD", check_cancelled: Callable[[], None] = never
    ) -> Stored:
        where = self._where(checked_name(name))
        fingerprint = fingerprint_of(path, self.part_bytes)
        options = {**where, "StorageClass": storage_class, "Metadata": {"sha256": fingerprint.sha256}}
        with self._faults.told(name):
            is_new = self._head(where) is None and self._send(path, fingerprint, options, check_cancelled)
            self._verify(where, fingerprint, is_new=is_new)
        return Stored(name, size=fingerprint.size, sha256=fingerprint.sha256, location=self._location(where))

    def exists(self, name: str) -> bool:
        with self._faults.told(name):
            return self._head(self._where(checked_name(name))) is not None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        below = f"{self.prefix}/" if self.prefix else ""
        with self._faults.told():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=below + prefix)
            for page in pages:
                for found in page.get("Contents", ()):
                    name = found["Key"].removeprefix(below)
                    yield Entry(name, size=found["Size"], modified=found["LastModified"].astimezone(UTC))

    def delete(self, name: str) -> None:
        with self._faults.told(name):
            self._client.delete_object(**self._where(checked_name(name)))

    def open(self, name: str) -> IO[bytes]:
        with self._faults.told(name):
            body = self._client.get_object(**self._where(checked_name(name)))["Body"]
        return io.BufferedReader(_Body(body, self._faults.told), READ_BYTES)

    # --- How ---------------------------------------------------------------------------------------------------------
    @cached_property
    def _client(self) -> "S3Client":
        import boto3  # heavy, and most processes never need it
        from botocore.config import Config

        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                s3={"addressing_style": "path" if self.endpoint else "auto"},
                # Checksums are our own here. Those that boto adds by itself are refused by other servers than AWS's.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        client.meta.events.register_first("needs-retry.s3", _let_interruptions_through)
        return client

    @property
    def _faults(self) -> S3Faults:
        return S3Faults(self.bucket, self.endpoint, self.variable)

    def _where(self, name: str) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": f"{self.prefix}/{name}" if self.prefix else name}

    def _location(self, where: Mapping[str, Any]) -> str:
        return f"s3://{self.bucket}/{where['Key']}"

    def _head(self, where: Mapping[str, Any]) -> Mapping[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            return self._client.head_object(**where, ChecksumMode="ENABLED")
        except ClientError as fault:
            if code_of(fault) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def _send(
        self, path: Path, fingerprint: Fingerprint, options: dict[str, Any], check_cancelled: Callable[[], None]
    ) -> bool:
        """Send the file; False if the name was taken meanwhile, perhaps by an earlier try of ours."""
        from botocore.exceptions import ClientError

        try:
            if len(fingerprint.parts) == 1:
                self._send_whole(path, fingerprint.parts[0], options)
            else:
                self._send_in_parts(path, fingerprint, options, check_cancelled)
        except ClientError as fault:
            if code_of(fault) not in ("PreconditionFailed", "412", "NoSuchUpload"):
                raise
            return False
        return True

    def _send_whole(self, path: Path, part: Part, options: dict[str, Any]) -> None:
        checksum = base64_of(part.sha256)
        with _stretch(path, part) as body:
            self._client.put_object(
                **options, Body=body, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum, IfNoneMatch="*"
            )

    def _send_in_parts(
        self, path: Path, fingerprint: Fingerprint, options: dict[str, Any], check_cancelled: Callable[[], None]
    ) -> None:
        where = {"Bucket": options["Bucket"], "Key": options["Key"]}
        give_up_left_behind(self._client, options["Bucket"], options["Key"].rpartition("/")[0] + "/")
        begun = self._client.create_multipart_upload(**options, ChecksumAlgorithm="SHA256")
        where["UploadId"] = begun["UploadId"]
        try:
            sent = [self._send_part(path, part, where, check_cancelled) for part in fingerprint.parts]
            self._client.complete_multipart_upload(**where, MultipartUpload={"Parts": sent}, IfNoneMatch="*")
        except BaseException:  # whatever it is: parts of an upload that never ends are stored, and paid for
            with suppress(Exception):
                self._client.abort_multipart_upload(**where)
            raise

    def _send_part(
        self, path: Path, part: Part, where: dict[str, Any], check_cancelled: Callable[[], None]
    ) -> "CompletedPartTypeDef":
        check_cancelled()
        checksum = base64_of(part.sha256)
        with _stretch(path, part) as body:
            answer = self._client.upload_part(
                **where, PartNumber=part.number, Body=body, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum
            )
        return {"PartNumber": part.number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _verify(self, where: Mapping[str, Any], fingerprint: Fingerprint, *, is_new: bool) -> None:
        """What the server says it has, compared with what we have. What we put there ourselves and is wrong goes."""
        found, location = self._head(where), self._location(where)
        if found is None:
            raise ArchiveError(f"{location} was sent, and the server does not know it.")
        other = difference(found, fingerprint)
        if other and is_new:
            with suppress(Exception):
                self._client.delete_object(**where)
            raise ArchiveError(f"{location} was sent, but {other}.", permanent=other == INCOMPARABLE)
        if other:
            raise AlreadyThere(f"{location} is there already, and not the same: {other}.")


class _Body(io.RawIOBase):
    """An object's content as it comes in, with faults in our words."""

    def __init__(self, body: Any, told: Callable[[], Any]) -> None:
        self._body, self._told = body, told

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._told():
            block: bytes = self._body.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._body.close()
        super().close()


def _stretch(path: Path, part: Part) -> Any:
    from s3transfer.utils import ReadFileChunk

    return ReadFileChunk.from_filename(str(path), part.offset, part.size)


def _let_interruptions_through(caught_exception: Exception | None = None, **_event: Any) -> None:
    """botocore takes whatever is raised while it waits for a fault of the network, and tries again.

    The end of a job's time is raised there too, and must not be taken for one.
    """
    from urllib3.exceptions import HTTPError

    cause = getattr(caught_exception, "kwargs", {}).get("error")
    if isinstance(cause, Exception) and not isinstance(cause, OSError | HTTPError | HTTPException):
        raise cause
