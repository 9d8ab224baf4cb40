#!/usr/bin/env python3
"""A worker of the made-up service "loyalty": one point for each whole dollar paid.

    python3 loyalty.py nats://127.0.0.1:4222 loyalty.db
"""

import sys
from decimal import Decimal

from worker import Declined, Service, Step, dollars, identifier


def grant(db, step, message):
    if message["user_id"] == "stranger":
        raise Declined("not_a_member")
    points = int(Decimal(str(message["amount"])))
    db.execute("INSERT INTO grants VALUES (?, ?, ?)", (step, message["user_id"], points))
    return {"grant_id": "g-" + step.replace(".", "-"), "points": points}


def revoke(db, step):
    db.execute("DELETE FROM grants WHERE step = ?", (step,))


POINTS = Step("GrantPoints", "loyalty.grant", {"user_id": identifier, "amount": dollars}, grant,
              "RevokePoints", "loyalty.revoke", revoke)


def main(url="nats://127.0.0.1:4222", path="loyalty.db"):
    Service("loyalty", POINTS).run(url, path, "CREATE TABLE IF NOT EXISTS grants (step PRIMARY KEY, user_id, points)")


if __name__ == "__main__":
    main(*sys.argv[1:])
