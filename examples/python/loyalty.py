#!/usr/bin/env python3
"""A worker of the made-up service "loyalty": one point for each whole dollar paid.

    python3 loyalty.py nats://127.0.0.1:4222 loyalty.db

What is answered is remembered in the same SQLite transaction that changes the points:
a crash keeps both or neither. F1 … F6 and the codes are those of PROTOCOL.md.
"""

import json
import re
import sqlite3
import sys
import time
from decimal import Decimal

import nats

SERVICE, ACTION, UNDO = "loyalty", "loyalty.grant", "loyalty.revoke"
TYPES = {ACTION: "GrantPoints", UNDO: "RevokePoints"}


class Refused(Exception):
    """A message that is not taken, with what its sender is told."""

    def __init__(self, code, message, **field):
        self.body = {"type": "error", "code": code, "message": message, **field}


class Number(str):
    """A number with a point or an exponent, digit by digit: money is never a float."""


def read_object(pairs):
    if len(pairs) > 256:
        raise Refused("too_large", "an object has too many fields")
    if len({name.lower() for name, _ in pairs}) < len(pairs):
        raise Refused("duplicate_field", "a name stands twice in one object, or in two spellings")
    return dict(pairs)


def refuse_constant(name):
    raise ValueError(name)  # NaN and Infinity are no JSON


def depth(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)


def decode(data):
    try:
        message = json.loads(data.decode(), object_pairs_hook=read_object, parse_float=Number, parse_constant=refuse_constant)
        json.dumps(message, ensure_ascii=False).encode()  # fails for half of a surrogate pair
        too_large = len(data) > 65536 or depth(message) > 16
    except RecursionError:
        too_large = True
    except ValueError:
        raise Refused("malformed_request", "is not JSON") from None
    if too_large:
        raise Refused("too_large", "is too long, or nests too deep")
    if not isinstance(message, dict):
        raise Refused("malformed_request", "is not one JSON object")
    return {name: value for name, value in message.items() if value is not None}  # null counts as absent


def check_id(message, field):
    value = message.get(field)
    if not isinstance(value, str):
        raise Refused("missing_field" if value is None else "invalid_field", "must be a text", field=field)
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", value):
        raise Refused("invalid_id", "must be 1 to 64 letters, digits, _ or -", field=field)
    return value


def check_command(subject, message):
    """The key of a command, and its content (section 4)."""
    if message.get("type") != TYPES[subject]:
        raise Refused("unknown_type", f"must be {TYPES[subject]} here", field="type")
    saga, step = check_id(message, "saga_id"), message.get("step")
    if type(step) is not int or not 1 <= step <= 64:
        raise Refused("invalid_field", "must be from 1 to 64", field="step")
    if message.get("compensating", False) is not (subject == UNDO):
        raise Refused("invalid_field", "must be true in a compensation, and only there", field="compensating")
    if message.get("reversal", False) not in ((False, True) if subject == UNDO else (False,)):
        raise Refused("invalid_field", "must be absent in an action", field="reversal")
    if subject == UNDO:
        return f"{saga}.{step}", "reverse" if message.get("reversal") else "undo", ""
    user, amount = check_id(message, "user_id"), message.get("amount")
    if message.get("currency", "USD") != "USD":
        raise Refused("invalid_field", "must be USD here", field="currency")
    if type(amount) not in (int, Number) or not re.fullmatch(r"\d{1,15}(\.\d\d?)?", str(amount)):
        raise Refused("invalid_field", "must be a number with at most two digits after the point", field="amount")
    return f"{saga}.{step}", "do", f"{user} {amount}"


def settle(db, subject, message):
    """The one answer that a command has for ever, with its effect (F5)."""
    step, direction, content = check_command(subject, message)
    with db:
        db.execute("BEGIN IMMEDIATE")  # of two replicas with this file, one waits here
        known = dict(db.execute("SELECT direction, reply FROM fence WHERE step = ?", (step,)))
        if direction in known:
            before, reply = known[direction].split("\n")
            if before != content:
                raise Refused("idempotency_conflict", "was asked for before with other content")  # F4
            return reply  # F1
        suffix, fields = "_ok", {}
        if direction != "do":
            db.execute("DELETE FROM grants WHERE step = ?", (step,))  # nothing to undo is fine: F3
        elif known:
            suffix, fields = "_failed", {"error": "compensated"}  # F2
        elif message["user_id"] == "stranger":
            suffix, fields = "_failed", {"error": "not_a_member"}
        else:
            fields = {"grant_id": "g-" + step.replace(".", "-"), "points": int(Decimal(str(message["amount"])))}
            db.execute("INSERT INTO grants VALUES (?, ?, ?)", (step, message["user_id"], fields["points"]))
        reply = json.dumps({"type": message["type"] + suffix, "saga_id": message["saga_id"], "step": message["step"], **fields})
        db.execute("INSERT INTO fence VALUES (?, ?, ?)", (step, direction, content + "\n" + reply))
    return reply


def answer(db, message):
    if message.subject not in TYPES:  # `nats micro ls` asks who is there
        endpoints = [{"name": name, "subject": subject, "queue_group": SERVICE} for subject, name in TYPES.items()]
        return json.dumps({"type": "io.nats.micro.v1.info_response", "name": SERVICE, "id": "python", "version": "1.0.0", "endpoints": endpoints})
    try:
        return settle(db, message.subject, decode(message.body))
    except Refused as refused:
        return json.dumps(refused.body)
    except sqlite3.Error as error:  # nothing was decided: the command comes again
        print("the database cannot be used:", error, file=sys.stderr)
        return json.dumps({"type": "error", "code": "unavailable", "message": "try again"})


def serve(url, db):
    connection = nats.Connection(url, SERVICE)
    for subject in TYPES:
        connection.subscribe(subject, queue=SERVICE)
    for subject in ("$SRV.INFO", "$SRV.INFO." + SERVICE):
        connection.subscribe(subject)
    connection.ping()
    while True:
        message = connection.next()
        if message is None:
            print("ready", flush=True)  # the server knows of all subscriptions
            continue
        echoed = [(name, value) for name, value in message.headers.items() if name in ("Amends-Key", "Amends-Attempt")]
        connection.publish(message.reply, answer(db, message).encode(), headers=echoed)


def main(url="nats://127.0.0.1:4222", path="loyalty.db"):
    db = sqlite3.connect(path, timeout=5, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS fence (step, direction, reply, PRIMARY KEY (step, direction))")
    db.execute("CREATE TABLE IF NOT EXISTS grants (step PRIMARY KEY, user_id, points)")
    while True:
        try:
            serve(url, db)
        except OSError as error:
            print("no connection, trying again:", error, file=sys.stderr)
            time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
