"""What workers have in common: strict reading, the fence of PROTOCOL.md, and the loop.

What is answered is remembered in the same SQLite transaction that changes anything else:
a crash keeps both or neither. F1 … F6 and the codes are those of PROTOCOL.md.
"""

import json
import re
import sqlite3
import sys
import time
from collections import namedtuple

import nats

# An action and what undoes it. fields are its own fields, each with the function that
# checks it; do(db, step, message) acts, and returns the fields of the answer or raises
# Declined; undo(db, step) undoes what do has done, and is None if nothing can.
Step = namedtuple("Step", "action subject fields do undo_type undo_subject undo", defaults=(None, None, None))


class Refused(Exception):
    """A message that is not taken, with what its sender is told."""

    def __init__(self, code, message, **field):
        self.body = {"type": "error", "code": code, "message": message, **field}


class Declined(Exception):
    """A no for good, which turns the saga back."""


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


def text(message, field):
    value = message.get(field)
    if not isinstance(value, str):
        raise Refused("missing_field" if value is None else "invalid_field", "must be a text", field=field)
    return value


def identifier(message, field):
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", text(message, field)):
        raise Refused("invalid_id", "must be 1 to 64 letters, digits, _ or -", field=field)
    return message[field]


def dollars(message, field):
    value = message.get(field)
    if message.get("currency", "USD") != "USD":
        raise Refused("invalid_field", "must be USD here", field="currency")
    if type(value) not in (int, Number) or not re.fullmatch(r"\d{1,15}(\.\d\d?)?", str(value)):
        raise Refused("invalid_field", "must be a number with at most two digits after the point", field=field)
    return value


def step_of(message):
    """The first part of the key of a command (section 4)."""
    saga, number = identifier(message, "saga_id"), message.get("step")
    if type(number) is not int or not 1 <= number <= 64:
        raise Refused("invalid_field", "must be from 1 to 64", field="step")
    return f"{saga}.{number}"


def check_command(step, undoing, message):
    """The key of a command, and its content (section 4)."""
    expected = step.undo_type if undoing else step.action
    if message.get("type") != expected:
        raise Refused("unknown_type", f"must be {expected} here", field="type")
    key = step_of(message)
    if message.get("compensating", False) is not undoing:
        raise Refused("invalid_field", "must be true in a compensation, and only there", field="compensating")
    if message.get("reversal", False) not in ((False, True) if undoing else (False,)):
        raise Refused("invalid_field", "must be absent in an action", field="reversal")
    if undoing:
        return key, "reverse" if message.get("reversal") else "undo", ""
    return key, "do", json.dumps([str(check(message, field)) for field, check in step.fields.items()])


def settle(db, step, undoing, message):
    """The one answer that a command has for ever, with its effect (F5)."""
    key, direction, content = check_command(step, undoing, message)
    with db:
        db.execute("BEGIN IMMEDIATE")  # of two replicas with this file, one waits here
        known = dict(db.execute("SELECT direction, reply FROM fence WHERE step = ?", (key,)))
        if direction in known:
            before, reply = known[direction].split("\n")
            if before != content:
                raise Refused("idempotency_conflict", "was asked for before with other content")  # F4
            return reply  # F1
        suffix, fields = "_ok", {}
        if undoing:
            step.undo(db, key)  # nothing to undo is fine: F3
        elif known:
            suffix, fields = "_failed", {"error": "compensated"}  # F2
        else:
            try:
                fields = step.do(db, key, message)
            except Declined as no:
                suffix, fields = "_failed", {"error": str(no)}
        reply = json.dumps({"type": message["type"] + suffix, "saga_id": message["saga_id"], "step": message["step"], **fields})
        db.execute("INSERT INTO fence VALUES (?, ?, ?)", (key, direction, content + "\n" + reply))
    return reply


def tell(db, message):
    """What became of an action (section 7.5). Nothing is remembered of the question."""
    found = db.execute("SELECT reply FROM fence WHERE step = ? AND direction = 'do'", (step_of(message),)).fetchone()
    outcome = {"outcome": "known", "reply": json.loads(found[0].split("\n")[1])} if found else {"outcome": "none"}
    return json.dumps({"type": "QueryStep_ok", "saga_id": message["saga_id"], "step": message["step"], **outcome})


class Service:
    """Answers the commands of some steps, and "<name>.query"."""

    def __init__(self, name, *steps):
        self.name, self.answers = name, {name + ".query": tell}
        for step in steps:
            self.answers[step.subject] = lambda db, message, step=step: settle(db, step, False, message)
            if step.undo:
                self.answers[step.undo_subject] = lambda db, message, step=step: settle(db, step, True, message)

    def answer(self, db, message):
        if message.subject not in self.answers:  # `nats micro ls` asks who is there
            endpoints = [{"name": subject.replace(".", "-"), "subject": subject, "queue_group": self.name} for subject in self.answers]
            return json.dumps({"type": "io.nats.micro.v1.info_response", "name": self.name, "id": "python", "version": "1.0.0", "endpoints": endpoints})
        try:
            return self.answers[message.subject](db, decode(message.body))
        except Refused as refused:
            return json.dumps(refused.body)
        except sqlite3.Error as error:  # nothing was decided: the command comes again
            print("the database cannot be used:", error, file=sys.stderr)
            return json.dumps({"type": "error", "code": "unavailable", "message": "try again"})

    def serve(self, url, db):
        connection = nats.Connection(url, self.name)
        for subject in self.answers:
            connection.subscribe(subject, queue=self.name)
        for subject in ("$SRV.INFO", "$SRV.INFO." + self.name):
            connection.subscribe(subject)
        connection.ping()
        while True:
            message = connection.next()
            if message is None:
                print("ready", flush=True)  # the server knows of all subscriptions
                continue
            echoed = [(name, value) for name, value in message.headers.items() if name in ("Amends-Key", "Amends-Attempt")]
            connection.publish(message.reply, self.answer(db, message).encode(), headers=echoed)

    def run(self, url, path, *tables):
        """Serves for ever, also while the server comes and goes."""
        db = sqlite3.connect(path, timeout=5, isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        for statement in ("CREATE TABLE IF NOT EXISTS fence (step, direction, reply, PRIMARY KEY (step, direction))", *tables):
            db.execute(statement)
        while True:
            try:
                self.serve(url, db)
            except OSError as error:
                print("no connection, trying again:", error, file=sys.stderr)
                time.sleep(0.2)
