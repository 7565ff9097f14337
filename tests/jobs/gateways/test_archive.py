"""Cold storage against a server that speaks S3 and against real folders: kept once, whole, or refused clearly."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ImproperlyConfigured

from jobs.base import JobCancelled
from jobs.gateways import archive
from jobs.gateways.archive import AlreadyThere, Archive, ArchiveError
from jobs.gateways.archive_folder import FolderArchive
from jobs.gateways.archive_s3 import S3Archive
from jobs.gateways.errors import NotConfigured
from tests import s3
from tests.s3 import REGION, Between, Bucket, Reply, S3Server, problem

VARIABLE = "SCHEDULER_ARCHIVE_URL"
MEBIBYTE = 1024 * 1024
PART = 5 * MEBIBYTE  # the least that S3 takes as a part

pytestmark = pytest.mark.usefixtures("s3_key")


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    return s3_server.new_bucket()


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """Each kind of archive, empty."""
    if request.param == "folder":
        return archive.of((tmp_path / "cold storage").as_uri(), VARIABLE)
    return archive.of(request.getfixturevalue("bucket").url.replace("?", "/a/prefix?"), VARIABLE)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """A file with this content."""

    def make(content: bytes = b"content", name: str = "file") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make


def read(kept: Archive, name: str) -> bytes:
    with kept.open(name) as stream:
        return stream.read()


def in_parts(bucket: Bucket, endpoint: str | None = None) -> S3Archive:
    return S3Archive(bucket.name, VARIABLE, endpoint=endpoint or bucket.server.endpoint, region=REGION, part_bytes=PART)


# --- What both promise -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("content", [b"", b"x", b"\x00\xff" * 700_000], ids=["nothing", "a byte", "more"])
def test_what_was_put_is_there_as_it_was(kept: Archive, file: Callable[..., Path], content: bytes) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    stored = kept.put("a/b c/ñ.bin", file(content))
    assert (stored.name, stored.size, stored.sha256) == ("a/b c/ñ.bin", len(content), archive.sha256_of(file(content)))
    assert read(kept, "a/b c/ñ.bin") == content
    (entry,) = kept.list()
    assert (entry.name, entry.size) == ("a/b c/ñ.bin", len(content))
    assert began < entry.modified < datetime.now(UTC) + timedelta(seconds=2)


def test_the_same_content_again_is_success(kept: Archive, file: Callable[..., Path]) -> None:
    assert kept.put("a/b", file()) == kept.put("a/b", file())


@pytest.mark.parametrize("other", [b"CONTENT", b"longer content", b""], ids=["as long", "longer", "nothing"])
def test_another_content_never_takes_a_name(kept: Archive, file: Callable[..., Path], other: bytes) -> None:
    kept.put("a/b", file())
    with pytest.raises(AlreadyThere, match="a/b is there already"):
        kept.put("a/b", file(other, name="other"))
    assert read(kept, "a/b") == b"content"


def test_of_two_who_put_at_once_one_gets_the_name(kept: Archive, file: Callable[..., Path]) -> None:
    contents = [bytes([number]) * MEBIBYTE for number in range(4)]
    files = [file(content, name=f"file-{number}") for number, content in enumerate(contents)]

    def put(path: Path) -> bool:
        try:
            kept.put("name", path)
        except AlreadyThere:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(put, files))
    assert won.count(True) == 1
    assert read(kept, "name") == contents[won.index(True)]
    assert [entry.name for entry in kept.list()] == ["name"]


def test_names_are_listed_in_order_and_by_how_they_begin(kept: Archive, file: Callable[..., Path]) -> None:
    for name in ("b/2", "b/1", "a", "b/c/d", "bb/1"):
        kept.put(name, file())
    assert [entry.name for entry in kept.list()] == ["a", "b/1", "b/2", "b/c/d", "bb/1"]
    assert [entry.name for entry in kept.list("b/")] == ["b/1", "b/2", "b/c/d"]
    assert [entry.name for entry in kept.list("b")] == ["b/1", "b/2", "b/c/d", "bb/1"]
    assert list(kept.list("nothing/")) == []


def test_what_was_deleted_is_gone_and_may_be_deleted_again(kept: Archive, file: Callable[..., Path]) -> None:
    kept.put("a/b", file())
    kept.put("a/c", file())
    assert kept.exists("a/b")
    kept.delete("a/b")
    kept.delete("a/b")
    assert not kept.exists("a/b") and kept.exists("a/c")
    assert not kept.exists("never/there")


def test_what_is_not_there_cannot_be_read(kept: Archive) -> None:
    with pytest.raises(ArchiveError, match="never/there"):
        kept.open("never/there")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../x",
        "a//b",
        "a/",
        "a/./b",
        "a\\b",
        "a\nb",
        "a\x00b",
        "x.part",
        "x" * 901,
        "a/ /b",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(kept: Archive, file: Callable[..., Path], name: str) -> None:
    for use in (lambda: kept.put(name, file()), lambda: kept.exists(name), lambda: kept.delete(name)):
        with pytest.raises(ValueError, match="archived object"):
            use()


def test_a_check_passes_and_leaves_nothing(kept: Archive) -> None:
    kept.check()
    assert list(kept.list()) == []


def test_who_is_asked_to_stop_stops_and_leaves_nothing(
    tmp_path: Path, bucket: Bucket, file: Callable[..., Path]
) -> None:
    def stop() -> None:
        raise JobCancelled

    folder = FolderArchive(str(tmp_path / "cold"), VARIABLE)
    for kept in (folder, in_parts(bucket)):
        with pytest.raises(JobCancelled):
            kept.put("name", file(b"x" * (PART + 1)), check_cancelled=stop)
        assert not kept.exists("name")
    assert list((tmp_path / "cold").iterdir()) == []
    assert bucket.unfinished_uploads == []


# --- Addresses -------------------------------------------------------------------------------------------------------
def test_without_an_address_every_use_names_the_variable_to_set(file: Callable[..., Path]) -> None:
    kept = archive.of("", "SCHEDULER_BACKUP_URL")
    uses: list[Callable[[], Any]] = [
        kept.check, kept.list, lambda: kept.put("a", file()), lambda: kept.exists("a"), lambda: kept.delete("a"),
        lambda: kept.open("a"),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(NotConfigured, match=r"Cold storage is not configured: set SCHEDULER_BACKUP_URL\.") as told:
            use()
        assert told.value.permanent


def test_addresses_say_bucket_prefix_endpoint_and_region() -> None:
    url = "s3://okla-cold/services/logs/?endpoint=https://nyc3.digitaloceanspaces.com&region=nyc3"
    assert archive.of(url, VARIABLE) == S3Archive(
        "okla-cold", VARIABLE, prefix="services/logs", endpoint="https://nyc3.digitaloceanspaces.com", region="nyc3"
    )
    assert archive.of("s3://okla-cold", VARIABLE) == S3Archive("okla-cold", VARIABLE)
    assert archive.of("file:///var/cold%20storage", VARIABLE) == FolderArchive("/var/cold storage", VARIABLE)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://secret/x", "no address of cold storage"),
        ("secret", "no address of cold storage"),
        ("s3://[secret", "no address"),
        ("file://secret/folder", "no folder"),
        ("file:///", "no folder"),
        ("file:relative/secret", "no folder"),
        ("file:///x?secret=1", "no folder"),
        ("s3:///secret", "no bucket"),
        ("s3://a_secret!/x", "no bucket"),
        ("s3://user:secret@bucket", "AWS_ACCESS_KEY_ID"),
        ("s3://bucket?endpont=http://x", "endpont"),
        ("s3://bucket?endpoint=secret:9000", "endpoint"),
        ("s3://bucket?endpoint=", "endpoint"),
        ("s3://bucket?endpoint=http://u:secret@x", "endpoint"),
    ],
)
def test_an_address_that_is_none_names_its_variable_and_keeps_its_secrets(url: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as told:
        archive.of(url, VARIABLE)
    message = str(told.value)
    assert message.startswith(f"{VARIABLE} ") and words in message
    assert "s3://bucket/prefix" in message and "secret" not in message


# --- S3 --------------------------------------------------------------------------------------------------------------
def test_the_storage_class_and_the_checksum_are_kept_with_the_object(bucket: Bucket, file: Callable[..., Path]) -> None:
    stored = archive.of(bucket.url, VARIABLE).put("logs/x", file(), storage_class="GLACIER")
    found = bucket.head("logs/x")
    assert found["StorageClass"] == "GLACIER"
    assert found["Metadata"] == {"sha256": stored.sha256}
    assert found["ChecksumSHA256"]
    assert stored.location == f"s3://{bucket.name}/logs/x"


def test_a_large_file_goes_in_parts_each_with_its_checksum(bucket: Bucket, file: Callable[..., Path]) -> None:
    content = os.urandom(2 * PART + 12_345)
    between = Between(bucket.server)
    with between.serving() as url:
        stored = in_parts(bucket, url).put("large", file(content), storage_class="STANDARD_IA")
    assert bucket.read("large") == content
    assert stored.size == len(content) and bucket.head("large")["ETag"].endswith('-3"')
    assert bucket.head("large")["StorageClass"] == "STANDARD_IA"
    assert sum("partNumber=" in line for line in between.asked) == 3
    assert bucket.unfinished_uploads == []


def test_a_large_file_that_is_there_already_is_not_sent_again(bucket: Bucket, file: Callable[..., Path]) -> None:
    path = file(os.urandom(PART + 1))
    in_parts(bucket).put("large", path)
    between = Between(bucket.server)
    with between.serving() as url:
        in_parts(bucket, url).put("large", path)
        with pytest.raises(AlreadyThere):
            in_parts(bucket, url).put("large", file(os.urandom(PART + 1), name="other"))
    assert {line.partition(" ")[0] for line in between.asked} == {"HEAD"}


def test_a_large_file_needs_little_memory(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        for _ in range(48):
            file.write(os.urandom(MEBIBYTE))
    kept = S3Archive(bucket.name, VARIABLE, endpoint=bucket.server.endpoint, region=REGION, part_bytes=16 * MEBIBYTE)
    kept.check()  # what is loaded once does not count
    tracemalloc.start()
    try:
        kept.put("large", path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEBIBYTE


@pytest.mark.parametrize("fault", [problem(403, "AccessDenied"), None], ids=["denied", "cut off"])
def test_an_upload_that_fails_in_the_middle_is_given_up_on_the_server_too(
    bucket: Bucket, file: Callable[..., Path], fault: Reply | None
) -> None:
    def alter(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply | None:
        return fault if "partNumber=2" in path else pass_on()

    with Between(bucket.server, alter).serving() as url, pytest.raises(ArchiveError) as told:
        in_parts(bucket, url).put("large", file(os.urandom(2 * PART)))
    assert told.value.permanent == (fault is not None)
    assert bucket.keys == [] and bucket.unfinished_uploads == []


def test_an_upload_whose_end_was_not_answered_is_found_to_have_succeeded(
    bucket: Bucket, file: Callable[..., Path]
) -> None:
    unanswered = ["the first"]

    def alter(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply | None:
        answer = pass_on()
        return None if method == "POST" and "uploadId=" in path and unanswered and unanswered.pop() else answer

    content = os.urandom(2 * PART)
    with Between(bucket.server, alter).serving() as url:
        in_parts(bucket, url).put("large", file(content))
    assert bucket.read("large") == content


def test_a_whole_object_whose_put_was_not_answered_is_found_to_have_succeeded(
    bucket: Bucket, file: Callable[..., Path]
) -> None:
    def alter(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply | None:
        answer = pass_on()
        return None if method == "PUT" and answer.status == 200 else answer

    with Between(bucket.server, alter).serving() as url:
        in_parts(bucket, url).put("small", file())
    assert bucket.read("small") == b"content"


# --- S3: a server that tells less, or lies ---------------------------------------------------------------------------
CHECKSUMS = ("x-amz-checksum-sha256", "x-amz-checksum-type")


@pytest.mark.parametrize("size", [7, PART + 1], ids=["whole", "in parts"])
@pytest.mark.parametrize(
    ("alter", "fault"),
    [
        (lambda reply: reply.without(*CHECKSUMS), None),
        (lambda reply: reply.having(Content_Length="3"), "it has 3 bytes"),
        (lambda reply: reply.having(x_amz_checksum_sha256="AAAA"), "its SHA-256 is another"),
        (lambda reply: reply.without(*CHECKSUMS).having(ETag=f'"{"0" * 32}"'), "its MD5 is another"),
        (lambda reply: reply.without(*CHECKSUMS).having(ETag='"an-etag-of-our-own"'), "tells neither"),
        (lambda reply: reply.without(*CHECKSUMS, "etag"), "tells neither"),
        (lambda reply: problem(404, "NotFound"), "does not know it"),
    ],
    ids=["no checksum", "size", "checksum", "etag", "another kind of etag", "nothing", "lost"],
)
def test_an_object_counts_as_stored_only_if_the_server_shows_that_it_has_it(
    bucket: Bucket, file: Callable[..., Path], size: int, alter: Callable[[Reply], Reply], fault: str | None
) -> None:
    was_put = threading.Event()

    def altered(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        answer = pass_on()
        if method in ("PUT", "POST"):
            was_put.set()
        return alter(answer) if method == "HEAD" and was_put.is_set() else answer

    path = file(os.urandom(size))
    with Between(bucket.server, altered).serving() as url:
        if fault is None:
            in_parts(bucket, url).put("name", path)
            return
        with pytest.raises(ArchiveError, match=fault) as told:
            in_parts(bucket, url).put("name", path)
    assert not isinstance(told.value, AlreadyThere)
    assert told.value.permanent == (fault == "tells neither")
    assert bucket.keys == ([] if "does not know" not in fault else ["name"])


def test_content_that_was_changed_on_its_way_is_not_taken_for_stored(bucket: Bucket, file: Callable[..., Path]) -> None:
    """As over plain HTTP through a broken proxy; this server does not look at the checksum that comes along."""
    path = file(b"as it was")

    def other_bytes(method: str, url: str, pass_on: Callable[[], Reply]) -> Reply:
        if method == "PUT":
            bucket.server.client().put_object(Bucket=bucket.name, Key="name", Body=b"as it WAS")
            return Reply(200, {"ETag": '"x"'})
        return pass_on()

    with Between(bucket.server, other_bytes).serving() as url, pytest.raises(ArchiveError, match="MD5 is another"):
        in_parts(bucket, url).put("name", path)
    assert bucket.keys == []


# --- S3: refusals and outages ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def strict_server() -> Iterator[tuple[S3Server, dict[str, str], Bucket]]:
    """A server that checks keys, a key without any right, and a bucket."""
    with s3.serving() as running:
        bucket, users = running.new_bucket(), running.client("iam")
        users.create_user(UserName="nobody")
        found = users.create_access_key(UserName="nobody")["AccessKey"]
        requests.post(f"{running.endpoint}/moto-api/reset-auth", data=b"0", timeout=5)
        key = {"AWS_ACCESS_KEY_ID": found["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"]}
        yield running, key, bucket


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ("AccessDenied", "s3:PutObject")),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY does not belong")),
        ({"AWS_ACCESS_KEY_ID": "unknown"}, ("InvalidAccessKeyId", "Nobody there knows the key in AWS_ACCESS_KEY_ID")),
    ],
    ids=["denied", "wrong secret", "unknown key"],
)
def test_a_key_that_may_not_is_told_apart_from_one_that_is_wrong(
    strict_server: tuple[S3Server, dict[str, str], Bucket], file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str], words: tuple[str, ...],
) -> None:  # fmt: skip
    _server, key, bucket = strict_server
    for name, value in {**key, **change}.items():
        monkeypatch.setenv(name, value)
    kept = archive.of(bucket.url, VARIABLE)
    with pytest.raises(ArchiveError) as told:
        kept.check()
    assert told.value.permanent
    assert all(word in str(told.value) for word in (*words, bucket.name))
    with pytest.raises(ArchiveError, match=f"HeadObject of a/name .*{VARIABLE}") as told:
        kept.put("a/name", file())
    assert told.value.permanent
    assert key["AWS_SECRET_ACCESS_KEY"] not in str(told.value)


def test_a_bucket_that_is_missing_is_named(s3_server: S3Server, file: Callable[..., Path]) -> None:
    kept = archive.of(f"s3://no-such-bucket?endpoint={s3_server.endpoint}&region={REGION}", VARIABLE)
    for use in (kept.check, lambda: kept.put("a", file()), lambda: list(kept.list())):
        with pytest.raises(ArchiveError, match=f"There is no bucket no-such-bucket there: .*{VARIABLE}") as told:
            use()
        assert told.value.permanent


def test_without_a_key_the_variables_to_set_are_named(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in s3.KEY:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ArchiveError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as told:
        archive.of(bucket.url, VARIABLE).check()
    assert told.value.permanent


def test_a_storage_class_that_the_server_has_not_is_answered_with_the_remedy(
    bucket: Bucket, file: Callable[..., Path]
) -> None:
    with pytest.raises(ArchiveError, match="set the job's storageClass to STANDARD") as told:
        archive.of(bucket.url, VARIABLE).put("a", file(), storage_class="FROZEN")
    assert told.value.permanent


def test_an_object_in_cold_storage_says_that_it_must_be_restored(bucket: Bucket, file: Callable[..., Path]) -> None:
    kept = archive.of(bucket.url, VARIABLE)
    kept.put("a", file(), storage_class="DEEP_ARCHIVE")
    with pytest.raises(ArchiveError, match="restored"):
        kept.open("a")


def test_a_server_that_is_down_may_be_tried_again(file: Callable[..., Path], s3_server: S3Server) -> None:
    with Between(s3_server).serving() as url:
        pass
    with pytest.raises(ArchiveError, match=VARIABLE) as told:
        archive.of(f"s3://bucket?endpoint={url}&region={REGION}", VARIABLE).put("a", file())
    assert not told.value.permanent


@pytest.mark.parametrize(
    ("answer", "can_retry"),
    [
        (problem(503, "SlowDown"), True),
        (problem(500, "InternalError"), True),
        (Reply(502, {}, b"<html>Bad gateway</html>"), True),
        (Reply(200, {}, b"this is no XML"), True),
        (None, True),
        (problem(409, "OperationAborted"), True),
        (problem(501, "NotImplemented"), True),
        (problem(403, "RequestTimeTooSkewed"), False),
        (problem(400, "ExpiredToken"), False),
        (problem(301, "PermanentRedirect"), False),
    ],
)
def test_what_a_server_answers_says_whether_a_retry_can_help(
    s3_server: S3Server, answer: Reply | None, can_retry: bool
) -> None:
    between = Between(s3_server, lambda method, path, pass_on: answer)
    with between.serving() as url, pytest.raises(ArchiveError) as told:
        list(archive.of(f"s3://a-bucket?endpoint={url}&region={REGION}", VARIABLE).list())
    assert told.value.permanent != can_retry
    assert "a-bucket" in str(told.value)
    assert len(between.asked) <= 3 or answer.status == 301


@pytest.mark.parametrize("status", [301, 307])
def test_a_server_that_sends_on_leads_nobody_inside(
    s3_server: S3Server, bucket: Bucket, file: Callable[..., Path], status: int
) -> None:
    """A key and rows would go wherever it says."""
    inside = Between(s3_server)
    with inside.serving() as elsewhere:
        outside = Between(s3_server, lambda method, path, pass_on: Reply(status, {"Location": elsewhere + path}))
        with outside.serving() as url, pytest.raises(ArchiveError, match=bucket.name):
            archive.of(f"s3://{bucket.name}?endpoint={url}&region={REGION}", VARIABLE).put("a", file())
    assert outside.asked and inside.asked == [] and bucket.keys == []


def test_a_server_that_is_busy_for_a_moment_is_asked_again(bucket: Bucket, file: Callable[..., Path]) -> None:
    answers = iter([problem(503, "SlowDown"), problem(500, "InternalError")])

    def busy(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        return (next(answers, None) if method == "PUT" else None) or pass_on()

    with Between(bucket.server, busy).serving() as url:
        archive.of(f"s3://{bucket.name}?endpoint={url}&region={REGION}", VARIABLE).put("a", file(b"y" * 200_000))
    assert bucket.read("a") == b"y" * 200_000


def test_content_that_breaks_off_while_it_is_read_is_a_fault(bucket: Bucket, file: Callable[..., Path]) -> None:
    archive.of(bucket.url, VARIABLE).put("a", file(b"y" * 100_000))

    def cut(method: str, path: str, pass_on: Callable[[], Reply]) -> Reply:
        whole = pass_on()
        return Reply(200, {**whole.without("content-length").headers, "Content-Length": "100000"}, whole.body[:50_000])

    with Between(bucket.server, cut).serving() as url:
        kept = archive.of(f"s3://{bucket.name}?endpoint={url}&region={REGION}", VARIABLE)
        with kept.open("a") as stream, pytest.raises(ArchiveError, match="cannot be used"):
            stream.read()


def test_the_end_of_the_jobs_time_is_no_fault_of_the_network(bucket: Bucket, file: Callable[..., Path]) -> None:
    """botocore would wrap what the signal raises, and try again until somebody kills the process."""
    ended = threading.Event()

    def hang(method: str, path: str, pass_on: Callable[[], Reply]) -> None:
        ended.wait(20)

    def out_of_time(*_signal: Any) -> None:
        raise SoftTimeLimitExceeded

    between = Between(bucket.server, hang)
    before = signal.signal(signal.SIGALRM, out_of_time)
    try:
        with between.serving() as url:
            kept = archive.of(f"s3://{bucket.name}?endpoint={url}&region={REGION}", VARIABLE)
            signal.setitimer(signal.ITIMER_REAL, 1.0)
            began = time.monotonic()
            with pytest.raises(SoftTimeLimitExceeded):
                kept.put("a", file())
            assert time.monotonic() - began < 5
            ended.set()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(between.asked) <= 1


# --- Folders ---------------------------------------------------------------------------------------------------------
@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everywhere; others may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Which every account of this machine gets to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="schedulerservice-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(public_folder: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    where = public_folder / "disk"
    where.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    yield where
    subprocess.run(["umount", str(where)], check=True)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process may become larger meanwhile: as a quota, a full disk without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_that_may_not_be_written_to_is_named(public_folder: Path) -> None:
    cold, path = public_folder / "cold", public_folder / "file"
    path.write_bytes(b"content")
    path.chmod(0o644)
    cold.mkdir(mode=0o555)
    kept = FolderArchive(str(cold), VARIABLE)
    with as_nobody():
        for use in (kept.check, lambda: kept.put("a/b", path), lambda: kept.put("b", path)):
            with pytest.raises(ArchiveError, match=rf"{cold}.*Permission denied.*{VARIABLE}") as told:
                use()
            assert told.value.permanent


def test_a_folder_whose_place_is_taken_by_a_file_is_named(tmp_path: Path, file: Callable[..., Path]) -> None:
    for folder in (file(), file() / "below"):
        with pytest.raises(ArchiveError, match=VARIABLE) as told:
            FolderArchive(str(folder), VARIABLE).check()
        assert told.value.permanent


def test_a_full_disk_keeps_what_it_has_and_gets_nothing_by_halves(small_disk: Path, file: Callable[..., Path]) -> None:
    kept = FolderArchive(str(small_disk), VARIABLE)
    kept.put("small", file(b"s" * 200_000))
    with pytest.raises(ArchiveError, match=f"There is no room left in {small_disk}.*{VARIABLE}") as told:
        kept.put("large", file(b"l" * 2_000_000, name="large"))
    assert not told.value.permanent
    assert [path.name for path in small_disk.iterdir()] == ["small"]
    assert read(kept, "small") == b"s" * 200_000


def test_a_quota_is_as_a_full_disk(tmp_path: Path, file: Callable[..., Path]) -> None:
    kept = FolderArchive(str(tmp_path / "cold"), VARIABLE)
    path = file(b"l" * 2_000_000)
    with files_of_at_most(1_000_000), pytest.raises(ArchiveError, match="There is no room left"):
        kept.put("large", path)
    assert list((tmp_path / "cold").iterdir()) == []
    kept.put("large", path)


def test_a_disk_that_gives_back_something_else_is_found_out(tmp_path: Path, file: Callable[..., Path]) -> None:
    path = file(b"y" * 3_000_000)
    with pytest.raises(ArchiveError, match="look at the disk"):
        FolderArchive(str(tmp_path / "cold"), VARIABLE).put("name", path, check_cancelled=lambda: os.truncate(path, 4))


def test_what_a_killed_run_left_is_no_object_and_goes_after_a_day(tmp_path: Path, file: Callable[..., Path]) -> None:
    kept = FolderArchive(str(tmp_path / "cold"), VARIABLE)
    kept.put("a/1", file())
    left = [tmp_path / "cold/a" / f"2.{age}.part" for age in ("old", "new")]
    for path in left:
        path.write_bytes(b"half")
    yesterday = time.time() - 25 * 3600
    os.utime(left[0], (yesterday, yesterday))
    assert [entry.name for entry in kept.list()] == ["a/1"]
    kept.put("a/2", file())
    assert [path.exists() for path in left] == [False, True]


def test_what_is_kept_may_be_read_by_its_owner_only(tmp_path: Path, file: Callable[..., Path]) -> None:
    stored = FolderArchive(str(tmp_path / "cold"), VARIABLE).put("a", file())
    assert Path(stored.location).stat().st_mode & 0o077 == 0
