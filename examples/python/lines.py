#!/usr/bin/env python3
"""Talks to `amends stdio` in the lines of document 000: a whole system in one pipe.

    python3 lines.py bin/amends
"""

import json
import subprocess
import sys

LINES = [
    {"src": "c0", "dest": "checkout_orchestrator", "body": {"type": "init", "msg_id": 1}},
    {"src": "c1", "dest": "checkout_orchestrator", "body": {
        "type": "checkout", "msg_id": 2, "saga_id": "checkout42", "user_id": "u42",
        "items": [{"sku": "abc123", "quantity": 2}], "shipping_address": "123 Main St",
    }},
]


def main(amends="amends"):
    node = subprocess.Popen([amends, "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in LINES:
        print(json.dumps(line), file=node.stdin, flush=True)
    for line in node.stdout:
        message = json.loads(line)
        print(f"{message['src']:>21} -> {message['dest']:<21}  {message['body']['type']}")
        if message["body"].get("in_reply_to") == 2:
            break
    node.stdin.close()  # the end of the input ends the node
    sys.exit(node.wait())


if __name__ == "__main__":
    main(*sys.argv[1:])
