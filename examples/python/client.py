#!/usr/bin/env python3
"""A client: starts a checkout and waits for its end, whatever happens meanwhile.

    python3 client.py order1 --item abc123=2 --item xyz789=1 [--user u42] [--nats URL]

The saga_id makes it safe to ask again: the same id with the same content is the same
checkout, also after a crash on either side. Exits with 0 if it is complete, with 4 if
it was undone.
"""

import argparse
import json
import os
import sys
import time

import nats

AGAIN = ("overloaded", "unavailable", "internal")


def ask(url, subject, question, timeout):
    """The answer to one question. OSError and TimeoutError say nothing of what became of it."""
    connection = nats.Connection(url, "python-client")
    inbox = "_INBOX." + os.urandom(11).hex()
    connection.subscribe(inbox)
    connection.publish(subject, json.dumps(question).encode(), reply=inbox)
    message = connection.next(timeout)
    if not message.body:
        raise ConnectionError(f"nobody listens on {subject}")
    return json.loads(message.body)


def buy(url, checkout):
    """The end of a checkout: checkout_complete, checkout_failed, or why it was not taken."""
    while True:
        try:
            answer = ask(url, "checkout.start", {**checkout, "wait_ms": 4000}, timeout=5)
        except OSError as error:  # a time-out is one, too
            print("asking again:", error, file=sys.stderr)
            time.sleep(0.5)
            continue
        if answer["type"] == "error" and answer["code"] in AGAIN:
            time.sleep(0.5)
        elif answer["type"] != "checkout_accepted" or answer["status"] == "STUCK":
            return answer


def main():
    options = argparse.ArgumentParser(description="Starts a checkout and waits for its end.")
    options.add_argument("saga_id")
    options.add_argument("--item", action="append", required=True, metavar="SKU=QUANTITY")
    options.add_argument("--user", default="u42")
    options.add_argument("--address", default="123 Main St")
    options.add_argument("--definition", default="checkout")
    options.add_argument("--nats", default="nats://127.0.0.1:4222", metavar="URL")
    given = options.parse_args()
    items = [{"sku": sku, "quantity": int(quantity)} for sku, quantity in (item.split("=") for item in given.item)]
    answer = buy(given.nats, {
        "type": "checkout", "saga_id": given.saga_id, "definition": given.definition,
        "user_id": given.user, "items": items, "shipping_address": given.address,
    })
    print(json.dumps(answer))
    sys.exit({"COMPLETED": 0, "ABORTED": 4, "STUCK": 5}.get(answer.get("status"), 7))


if __name__ == "__main__":
    main()
