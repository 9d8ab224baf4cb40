"""As much of a NATS client as a worker or a client of Amends needs: standard library
only, one thread, no TLS. Every message is one line of text and, if it has a body, the
bytes that the line announces (docs.nats.io, "Client Protocol").
"""

import json
import socket
import urllib.parse
from collections import namedtuple

Message = namedtuple("Message", "subject reply headers body")


class Connection:
    """A connection to a server. Losing it is an OSError: connect again."""

    def __init__(self, url, name):
        at = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((at.hostname, at.port or 4222), timeout=10)
        self.incoming = self.socket.makefile("rb")
        self.incoming.readline()  # INFO: what the server can do
        options = {"verbose": False, "headers": True, "no_responders": True, "name": name, "lang": "python", "version": "1"}
        self.send("CONNECT " + json.dumps({**options, "user": at.username, "pass": at.password}))
        self.subscriptions = 0

    def send(self, line, body=None):
        self.socket.sendall(line.encode() + b"\r\n" + (b"" if body is None else body + b"\r\n"))

    def subscribe(self, subject, queue=""):
        """Listens on a subject; in one queue group, replicas share the messages."""
        self.subscriptions += 1
        self.send(f"SUB {subject} {queue} {self.subscriptions}")

    def publish(self, subject, body, reply="", headers=()):
        head = ("NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode()
        self.send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}", head + body)

    def ping(self):
        self.send("PING")

    def next(self, timeout=None):
        """The next message; TimeoutError if none comes in time (in seconds).

        None is the answer to ping: the server has taken in all that was sent before.
        """
        self.socket.settimeout(timeout)
        while line := self.incoming.readline().decode().split():
            if line[0] == "PING":
                self.send("PONG")
            elif line[0] == "PONG":
                return None
            elif line[0] == "-ERR":
                raise ConnectionError(" ".join(line))
            elif line[0] in ("MSG", "HMSG"):
                return self.read(line)
        raise ConnectionError("the server has closed the connection")

    def read(self, line):
        """MSG subject id [reply] size, or HMSG subject id [reply] size-of-headers size."""
        sizes = 1 if line[0] == "MSG" else 2
        reply = line[3] if len(line) > 3 + sizes else ""
        data = self.incoming.read(int(line[-1]) + 2)[:-2]
        head = int(line[-2]) if sizes == 2 else 0
        headers = dict(text.split(": ", 1) for text in data[:head].decode().split("\r\n") if ": " in text)
        return Message(line[1], reply, headers, data[head:])
