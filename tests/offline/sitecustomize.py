"""Refuses the network: Python imports a module of this name at start-up where its folder is on PYTHONPATH."""

import socket
import sys


def refuse(event, arguments):
    # Sockets inside the machine stay allowed: DataLoader workers use them.
    if event == "socket.__new__" and arguments[1] != getattr(socket, "AF_UNIX", None):
        raise RuntimeError("a script opened a network socket")


sys.addaudithook(refuse)
