"""Ports on this machine: a free one, whether one is free, and who holds it."""

import random
import socket

import psutil

LOCALHOST = "127.0.0.1"


# Below the ports that systems give to outgoing connections (from 32768 on): none of those takes one while it is free.
TO_CHOOSE_FROM = range(20_000, 32_000)


def free_port() -> int:
    while not is_free(port := random.choice(TO_CHOOSE_FROM)):  # noqa: S311 - to be apart from others, not secret
        pass
    return port


def is_free(port: int) -> bool:
    try:
        # create_server allows a port whose last connections still linger, as the servers do.
        with socket.create_server((LOCALHOST, port)):
            return True
    except OSError:
        return False


def holder(port: int) -> str:
    """Who listens there, as "nginx, process 4711"; empty when the system does not tell us."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
            except psutil.Error:
                return f"process {connection.pid}"
    return ""
