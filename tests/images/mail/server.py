"""SMTP on 1025; on 8025 what has come, in the shape of Mailpit's `GET /api/v1/messages`."""

import json
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

LETTERS: list[dict[str, object]] = []


class Keeper:
    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        letter = message_from_bytes(envelope.content, policy=policy.default)
        to = [{"Address": address} for address in envelope.rcpt_tos]
        LETTERS.insert(0, {"To": to, "Subject": str(letter["Subject"])})
        return "250 kept"


class Reader(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"total": len(LETTERS), "messages": LETTERS}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)


Controller(Keeper(), hostname="0.0.0.0", port=1025).start()
ThreadingHTTPServer(("0.0.0.0", 8025), Reader).serve_forever()
