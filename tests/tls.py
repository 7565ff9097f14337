"""SSL in front of the suite's PostgreSQL, which has none: as PostgreSQL begins it, with a certificate of its own."""

import datetime
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
BLOCK_BYTES = 65_536


@contextmanager
def serving(address: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """The address of a front that speaks SSL, and without SSL too where a client does not ask for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=_attend, args=[client, context, address], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield {**address, "host": "127.0.0.1", "port": str(listener.getsockname()[1])}
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _attend(client: socket.socket, context: ssl.SSLContext, address: Mapping[str, str]) -> None:
    with suppress(OSError), socket.create_connection((address["host"], int(address["port"]))) as server:
        first = client.recv(8, socket.MSG_WAITALL)
        while len(first) == 8 and struct.unpack("!ii", first)[1] in (SSL_REQUEST, GSS_REQUEST):
            is_ssl = struct.unpack("!ii", first)[1] == SSL_REQUEST
            client.sendall(b"S" if is_ssl else b"N")
            if is_ssl:
                client = context.wrap_socket(client, server_side=True)
            first = client.recv(8)
        with client:
            server.sendall(first)
            _pass_on(client, server)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    while True:
        is_waiting = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if is_waiting else select.select([client, server], [], [])[0]
        for source in ready:
            block = source.recv(BLOCK_BYTES)
            if not block:
                return
            (server if source is client else client).sendall(block)


def _certificate(folder: Path) -> Path:
    """Signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "server.pem"
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path
