#!/usr/bin/env python3
"""A worker of the made-up service "resale": the box office of a theatre.

    python3 box_office.py nats://127.0.0.1:4222 box_office.db

It holds tickets, pays sellers, and makes tickets out to somebody else. Payouts are made
at night, all at once: until then one can be taken back.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "python"))

from worker import Declined, Service, Step, dollars, identifier, text  # noqa: E402


def hold(db, step, message):
    """Keeps a ticket for one buyer: nobody else can buy it meanwhile."""
    found = db.execute("SELECT owner, held_for FROM tickets WHERE ticket = ?", (message["ticket"],)).fetchone()
    if found is None:
        raise Declined("no_such_ticket")
    if found[0] != message["seller"]:
        raise Declined("not_the_owner")
    if found[1]:
        raise Declined("held_for_somebody_else")
    db.execute("UPDATE tickets SET held_for = ? WHERE ticket = ?", (step, message["ticket"]))
    return {"hold_id": "h-" + step.replace(".", "-")}


def release(db, step):
    db.execute("UPDATE tickets SET held_for = NULL WHERE held_for = ?", (step,))


def pay(db, step, message):
    if message["seller"] == "ghost":
        raise Declined("no_bank_account")
    db.execute("INSERT INTO payouts VALUES (?, ?, ?)", (step, message["seller"], str(message["amount"])))
    return {"payout_id": "out-" + step.replace(".", "-")}


def take_back(db, step):
    db.execute("DELETE FROM payouts WHERE step = ?", (step,))


def reissue(db, step, message):
    """Makes the ticket out to the buyer. The old bar code opens no door any more."""
    db.execute("UPDATE tickets SET owner = ?, held_for = NULL WHERE ticket = ?", (message["buyer"], message["ticket"]))
    return {"bar_code": "bar-" + step.replace(".", "-")}


HOLD = Step("HoldSeat", "resale.hold", {"ticket": identifier, "seller": identifier}, hold,
            "ReleaseSeat", "resale.release", release)
PAY = Step("PaySeller", "resale.pay", {"seller": identifier, "amount": dollars}, pay,
           "TakeBackPayout", "resale.take_back", take_back)
REISSUE = Step("ReissueTicket", "resale.reissue", {"ticket": identifier, "buyer": identifier, "hold_id": text}, reissue)

TABLES = (
    "CREATE TABLE IF NOT EXISTS tickets (ticket PRIMARY KEY, owner, held_for)",
    "CREATE TABLE IF NOT EXISTS payouts (step PRIMARY KEY, seller, amount)",
    "INSERT OR IGNORE INTO tickets VALUES ('A7', 'sam', NULL), ('A8', 'sam', NULL), ('B1', 'ghost', NULL)",
)


def main(url="nats://127.0.0.1:4222", path="box_office.db"):
    Service("resale", HOLD, PAY, REISSUE).run(url, path, *TABLES)


if __name__ == "__main__":
    main(*sys.argv[1:])
