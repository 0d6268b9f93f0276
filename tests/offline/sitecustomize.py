"""Refuses the network, and the repository as a place to write: Python imports a module of this name at start-up."""

import errno
import os
import socket
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def refuse(event, arguments):
    # Sockets inside the machine stay allowed: DataLoader workers use them.
    if event == "socket.__new__" and arguments[1] != getattr(socket, "AF_UNIX", None):
        raise RuntimeError("a script opened a network socket")
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        path = os.path.abspath(arguments[0])
        if os.path.commonpath([ROOT, path]) == ROOT and ".venv" not in path:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
    if event == "os.mkdir" and os.path.commonpath([ROOT, os.path.abspath(arguments[0])]) == ROOT:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), arguments[0])


sys.addaudithook(refuse)
