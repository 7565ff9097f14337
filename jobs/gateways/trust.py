"""Whose certificates are believed beside the public authorities': those of the operator's own bundle."""

import ssl

from django.core.exceptions import ImproperlyConfigured

VARIABLE = "SCHEDULER_CA_BUNDLE"

_bundles: list[str] = []  # one or none; for the whole process, as what a system trusts is


def trust(bundle: str) -> None:
    """From now on also the authorities of this PEM file; empty: only the public ones.

    Raises ImproperlyConfigured that names the variable where the file is none.
    """
    if bundle:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
        except OSError as fault:  # ssl's are OSErrors too
            raise ImproperlyConfigured(f"{VARIABLE}: {bundle!r} is no file of PEM certificates: {fault}") from fault
    _bundles[:] = [bundle] if bundle else []


def extend(context: ssl.SSLContext) -> ssl.SSLContext:
    """`context`, which believes the operator's authorities too."""
    for bundle in _bundles:
        context.load_verify_locations(bundle)
    return context
