"""What killed runs leave half written in cold storage goes away by itself."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.gateways.archive_folder import FolderArchive
from jobs.gateways.archive_s3 import S3Archive
from tests import s3
from tests.s3 import REGION, Between, Bucket, Reply

VARIABLE = "SCHEDULER_ARCHIVE_URL"
PART = 5 * 1024 * 1024  # the least that S3 takes as a part
A_DAY_SECONDS = 25 * 3600


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3.serving() as server:
        yield server.new_bucket()


@pytest.fixture
def s3_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.KEY.items():
        monkeypatch.setenv(name, value)


def test_half_written_objects_go_after_a_day_also_where_nothing_is_written_any_more(tmp_path: Path) -> None:
    """They stayed for ever in the folder of a month that was over, and beside the archive's own first folder."""
    old, new, whole = tmp_path / "logs/2026/07/1.part", tmp_path / "logs/2026/07/2.part", tmp_path / "logs/2026/07/1.gz"
    probe = tmp_path / ".check-abc.part"
    for path in (old, new, whole, probe):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        if path is not new:
            os.utime(path, (time.time() - A_DAY_SECONDS, time.time() - A_DAY_SECONDS))
    FolderArchive(str(tmp_path), VARIABLE).check()
    assert [path.exists() for path in (old, new, whole, probe)] == [False, True, True, False]


@pytest.mark.usefixtures("s3_key")
def test_an_upload_that_was_killed_in_the_middle_is_given_up_by_a_later_one_into_the_same_folder(
    bucket: Bucket, tmp_path: Path
) -> None:
    """Its parts were stored, and paid for, for ever. (The server of these tests calls every upload years old.)"""
    left, other = begun(bucket, "backups/a/1.dump"), begun(bucket, "backups/b/1.dump")
    put_in_parts(bucket, tmp_path, bucket.server.endpoint)
    assert left not in uploads(bucket) and other in uploads(bucket)


@pytest.mark.usefixtures("s3_key")
def test_an_upload_that_may_still_be_going_on_is_left_alone(bucket: Bucket, tmp_path: Path) -> None:
    going_on = begun(bucket, "backups/a/2.dump")

    def just_begun(method: str, path: str, pass_on: object) -> Reply | None:
        assert callable(pass_on)
        reply: Reply = pass_on()
        return Reply(reply.status, reply.headers, reply.body.replace(b"2010-11-10T", time.strftime("%FT").encode()))

    between = Between(bucket.server, just_begun)
    with between.serving() as endpoint:
        put_in_parts(bucket, tmp_path, endpoint)
    assert any("uploads" in asked and asked.startswith("GET") for asked in between.asked)
    assert going_on in uploads(bucket)


def begun(bucket: Bucket, key: str) -> str:
    made = bucket.server.client().create_multipart_upload(Bucket=bucket.name, Key=key)
    return str(made["UploadId"])


def uploads(bucket: Bucket) -> list[str]:
    return [upload["UploadId"] for upload in bucket.unfinished_uploads]


def put_in_parts(bucket: Bucket, folder: Path, endpoint: str) -> None:
    archive = S3Archive(bucket.name, VARIABLE, endpoint=endpoint, region=REGION, part_bytes=PART)
    dump = folder / "dump"
    dump.write_bytes(b"x" * (PART + 1))
    name = f"backups/a/{time.monotonic_ns()}.dump"
    assert archive.put(name, dump).size == PART + 1
    assert name in bucket.keys
