"""A SIP phone over WebSocket (RFC 7118), as a program in a browser would be: it knows no address of its own, and is reached by
its connection alone. On the library `websockets`, and on nothing of this repository.

    websocket_phone.py URL USER PASSWORD [--ca FILE] [--origin O] [--call URI] [--fragments] [--sips]

It registers with Digest, says `registered`, and takes calls; with --call it calls, and hangs up after a second line of its
standard input. Each event is a line: `registered`, `ringing`, `answered`, `ended`, `closed CODE`; `message METHOD` for each request.
With --fragments each message is sent in three frames. With --sips its address and its contact are SIPS URIs.
"""
import argparse
import asyncio
import hashlib
import re
import secrets
import ssl
import sys

import websockets


def say(line):
    print(line, flush=True)


def fields(message, name):
    """All values of a header, by its full name."""
    return re.findall(rf"^{name}:[ \t]*(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)


class Phone:
    def __init__(self, arguments):
        self.arguments = arguments
        self.user = arguments.user
        self.domain = "example.test"
        # RFC 7118 appendix B.1: a name that nobody can look up.
        self.host = secrets.token_hex(6) + ".invalid"
        self.scheme = "WSS" if arguments.url.startswith("wss") else "WS"
        self.sip = "sips" if arguments.sips else "sip"
        self.contact = f"<{self.sip}:{self.user}@{self.host};transport=ws>"
        self.sequence = 0
        self.waiting = {}
        self.dialog = None

    async def run(self):
        context = None
        if self.arguments.ca:
            context = ssl.create_default_context(cafile=self.arguments.ca)
        options = {"subprotocols": ["sip"], "ssl": context, "ping_interval": None}
        if self.arguments.origin:
            options["origin"] = self.arguments.origin
        try:
            async with websockets.connect(self.arguments.url, **options) as connection:
                self.connection = connection
                assert connection.subprotocol == "sip", connection.subprotocol
                listening = asyncio.create_task(self.listen())
                await self.register()
                if self.arguments.call:
                    await self.call(self.arguments.call)
                await listening
        except websockets.exceptions.InvalidStatus as refusal:
            say(f"refused {refusal.response.status_code}")

    async def send(self, text):
        message = text.replace("\n", "\r\n")
        if self.arguments.fragments:
            third = len(message) // 3
            await self.connection.send([message[:third], message[third : 2 * third], message[2 * third :]])
        else:
            await self.connection.send(message)

    async def listen(self):
        try:
            async for message in self.connection:
                if isinstance(message, bytes):
                    message = message.decode()
                await self.receive(message)
        except websockets.exceptions.ConnectionClosedError:
            pass
        say(f"closed {self.connection.close_code}")

    async def receive(self, message):
        first = message.split("\r\n", 1)[0]
        if first.startswith("SIP/2.0"):
            status = int(first.split()[1])
            waiting = self.waiting.get(fields(message, "CSeq")[0])
            if waiting and status >= 200 and not waiting.done():
                waiting.set_result((status, message))
            elif status == 180:
                say("ringing")
            return
        method = first.split()[0]
        say(f"message {method}")
        if method == "INVITE":
            self.dialog = {
                "call": fields(message, "Call-ID")[0],
                "local": fields(message, "To")[0] + ";tag=" + secrets.token_hex(4),
                "remote": fields(message, "From")[0],
                "target": re.search(r"<(.*?)>", fields(message, "Contact")[0]).group(1),
                "routes": fields(message, "Record-Route"),
            }
            await self.respond(message, "180 Ringing")
            await self.respond(message, "200 OK", await self.answer(message.partition("\r\n\r\n")[2]))
        elif method == "BYE":
            await self.respond(message, "200 OK")
            await self.release()
            say("ended")
        elif method != "ACK":
            await self.respond(message, "200 OK")

    async def respond(self, request, status, body=""):
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {via}" for via in fields(request, "Via")]
        lines += [f"Record-Route: {route}" for route in fields(request, "Record-Route")]
        to = fields(request, "To")[0]
        lines += [f"From: {fields(request, 'From')[0]}"]
        lines += [f"To: {to if 'tag=' in to or not self.dialog else self.dialog['local']}"]
        lines += [f"Call-ID: {fields(request, 'Call-ID')[0]}", f"CSeq: {fields(request, 'CSeq')[0]}"]
        lines += [f"Contact: {self.contact}"]
        if body:
            lines += ["Content-Type: application/sdp"]
        # No Content-Length: the message says where it ends (RFC 7118 section 5).
        await self.send("\n".join(lines + ["", body]))

    async def offer(self):
        """The description of an offer."""
        return "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"

    async def answer(self, offer):
        """The description that answers one."""
        return await self.offer()

    async def accept(self, answer):
        """Takes the description that answers the offer."""

    async def talk(self):
        """What a call that this side has made does until it hangs up."""
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

    async def release(self):
        """The call is over."""

    async def ask(self, method, uri, call, local, remote, routes=(), body="", extra=()):
        self.sequence += 1
        number = self.sequence
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/{self.scheme} {self.host};branch=z9hG4bK{secrets.token_hex(8)}"]
        lines += ["Max-Forwards: 70", f"From: {local}", f"To: {remote}", f"Call-ID: {call}", f"CSeq: {number} {method}"]
        lines += [f"Route: {route}" for route in routes]
        lines += [f"Contact: {self.contact}", *extra]
        if body:
            lines += ["Content-Type: application/sdp"]
        answer = asyncio.get_running_loop().create_future()
        self.waiting[f"{number} {method}"] = answer
        await self.send("\n".join(lines + ["", body]))
        return await asyncio.wait_for(answer, 20)

    def credentials(self, method, uri, challenge, name):
        values = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        realm, nonce, own = values["realm"], values["nonce"], secrets.token_hex(4)
        digest = lambda text: hashlib.md5(text.encode()).hexdigest()
        secret = digest(f"{self.user}:{realm}:{self.arguments.password}")
        response = digest(f"{secret}:{nonce}:00000001:{own}:auth:{digest(f'{method}:{uri}')}")
        return (
            f'{name}: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="{own}", qop=auth, nc=00000001'
        )

    async def authenticated(self, method, uri, call, local, remote, body=""):
        status, answer = await self.ask(method, uri, call, local, remote, body=body)
        for code, header, reply in [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")]:
            if status == code:
                if method == "INVITE":
                    await self.acknowledge(uri, call, local, fields(answer, "To")[0], fields(answer, "Via")[0])
                extra = [self.credentials(method, uri, fields(answer, header)[0], reply)]
                status, answer = await self.ask(method, uri, call, local, remote, body=body, extra=extra)
        return status, answer

    async def acknowledge(self, uri, call, local, remote, via, routes=()):
        lines = [f"ACK {uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70", f"From: {local}", f"To: {remote}"]
        lines += [f"Call-ID: {call}", f"CSeq: {self.sequence} ACK", *[f"Route: {route}" for route in routes]]
        await self.send("\n".join(lines + ["", ""]))

    async def register(self):
        own = f"<{self.sip}:{self.user}@{self.domain}>"
        status, _ = await self.authenticated(
            "REGISTER", f"{self.sip}:{self.domain}", secrets.token_hex(8), own + ";tag=" + secrets.token_hex(4), own)
        say("registered" if status == 200 else f"not registered {status}")

    async def call(self, target):
        call = secrets.token_hex(8)
        local = f"<{self.sip}:{self.user}@{self.domain}>;tag={secrets.token_hex(4)}"
        status, answer = await self.authenticated("INVITE", target, call, local, f"<{target}>", await self.offer())
        if status != 200:
            say(f"rejected {status}")
            return
        remote = fields(answer, "To")[0]
        routes = list(reversed(fields(answer, "Record-Route")))
        contact = re.search(r"<(.*?)>", fields(answer, "Contact")[0]).group(1)
        via = f"SIP/2.0/{self.scheme} {self.host};branch=z9hG4bK{secrets.token_hex(8)}"
        await self.acknowledge(contact, call, local, remote, via, routes)
        await self.accept(answer.partition("\r\n\r\n")[2])
        say("answered")
        await self.talk()
        status, _ = await self.ask("BYE", contact, call, local, remote, routes)
        await self.release()
        say(f"ended {status}")


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("--ca")
    parser.add_argument("--origin")
    parser.add_argument("--call")
    parser.add_argument("--fragments", action="store_true")
    parser.add_argument("--sips", action="store_true")
    return parser


if __name__ == "__main__":
    asyncio.run(Phone(options().parse_args()).run())
