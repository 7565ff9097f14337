"""Cold storage, by its address: a bucket that speaks the S3 protocol, or a folder."""

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from jobs.gateways.archive_contract import AlreadyThere, Archive, ArchiveError, Entry, Stored, Unconfigured, sha256_of
from jobs.gateways.archive_folder import FolderArchive
from jobs.gateways.archive_s3 import S3Archive

__all__ = ["AlreadyThere", "Archive", "ArchiveError", "Entry", "Stored", "of", "sha256_of"]

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
FORMS = "s3://bucket/prefix?endpoint=https://host&region=name or file:///folder"


def of(url: str, variable: str) -> Archive:
    """The archive at an address. Reaches nothing: each verb says what is wrong when it is used.

    Raises ImproperlyConfigured that names the variable and never repeats the address: it may hold a password.
    """
    if not url:
        return Unconfigured(variable)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _misconfigured(variable, "is no address") from None
    if parts.fragment or parts.scheme not in ("file", "s3"):
        raise _misconfigured(variable, "is no address of cold storage")
    return _folder(parts, variable) if parts.scheme == "file" else _bucket(parts, variable)


def _folder(parts: SplitResult, variable: str) -> FolderArchive:
    folder = unquote(parts.path).rstrip("/")
    if parts.netloc not in ("", "localhost") or parts.query or not folder.startswith("/") or "\0" in folder:
        raise _misconfigured(variable, "names no folder by its whole path")
    return FolderArchive(folder, variable)


def _bucket(parts: SplitResult, variable: str) -> S3Archive:
    if "@" in parts.netloc:
        raise _misconfigured(variable, "carries a key, which belongs in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not BUCKET.fullmatch(parts.netloc):
        raise _misconfigured(variable, "names no bucket")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint, region = query.pop("endpoint", None), query.pop("region", None)
    if query:
        raise _misconfigured(variable, f"has a parameter that means nothing: {next(iter(query))}")
    if endpoint is not None and not _is_endpoint(endpoint):
        raise _misconfigured(variable, "has an endpoint that is not of the form http://host:port")
    prefix = unquote(parts.path).strip("/")
    return S3Archive(parts.netloc, variable, prefix=prefix, endpoint=endpoint, region=region or None)


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        return False


def _misconfigured(variable: str, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{variable} {what}. Use {FORMS}.")
