"""The rows of the comparison: what is asked of both servers, and at which rate."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One kind of work."""

    key: str
    # In the table.
    title: str
    # The subcommand of the load generator, and the configuration of Kamailio beside this file.
    load: str
    configuration: str
    # Operations in a second: the same for both servers, and well below what either can do on one core, since above it the
    # processor time of an operation says nothing.
    rate: int
    # Users that register, or are called, in turn. Behind the data base they are so many that each registers once in a run: a server
    # that writes seldom then saves nothing by writing only the last of several registrations.
    users: int
    # What the load comes by; with connections, four of them are open before the clock starts.
    transport: str = "udp"
    # How many seconds after the load a server is watched for work that it put off.
    settle: float = 1.0
    # How many seconds a server is loaded before it is measured: caches fill, bindings and nonces are made, memory is used once.
    warm_up: int = 2
    # Whether clients prove who they are, and the server knows their passwords.
    digest: bool = False
    # Whether each operation begins with a challenge, which makes it two requests; else clients keep their nonce.
    challenged: bool = False
    # Whether ours writes its bindings to the disk too.
    durable: bool = False


# Transports that need a certificate, and those that carry SIP over WebSocket.
SECURE, WEB = ("tls", "wss"), ("ws", "wss")
DOMAIN = "bench.test"
# One password for all users; nothing here is secret.
PASSWORD = "two tin cans"
# Kamailio's write-back happens each 10 s (register_sqlite.cfg): one more must be seen after the load.
WRITE_BACK = 11.0

# What a call takes is kept for 32 s, the life of a transaction (64 times T1): before, a server uses all memory for the first time.
CALL = 34

ROWS = [
    Row("options", "OPTIONS answered statelessly", "options", "options.cfg", rate=40_000, users=1),
    Row("register", "REGISTER, memory only", "register", "register.cfg", rate=25_000, users=10_000),
    Row("register-sqlite", "REGISTER, SQLite behind", "register", "register_sqlite.cfg", rate=4_000, users=40_000,
        settle=WRITE_BACK, durable=True),
    Row("register-digest", "REGISTER with Digest, nonce kept", "register", "register_digest.cfg", rate=15_000, users=200,
        digest=True),
    Row("register-challenge", "REGISTER, challenge, REGISTER", "register", "register_digest.cfg", rate=10_000, users=200,
        digest=True, challenged=True),
    Row("call", "Call through the proxy", "call", "proxy.cfg", rate=2_500, users=100, warm_up=CALL),
    *(Row(f"{transport}-{key}", title, load, configuration, rate, users, transport, **more)
      for transport, rates in {"tcp": (20_000, 12_000, 4_000, 10_000, 6_000, 1_500),
                               "tls": (15_000, 10_000, 4_000, 8_000, 5_000, 1_200),
                               "wss": (12_000, 8_000, 4_000, 7_000, 4_000, 1_000)}.items()
      for rate, (key, title, load, configuration, users, more) in zip(rates, [
          ("options", "OPTIONS answered statelessly", "options", "options.cfg", 100, {}),
          ("register", "REGISTER, memory only", "register", "register.cfg", 10_000, {}),
          ("register-sqlite", "REGISTER, SQLite behind", "register", "register_sqlite.cfg", 40_000, {"settle": WRITE_BACK, "durable": True}),
          ("register-digest", "REGISTER with Digest, nonce kept", "register", "register_digest.cfg", 200, {"digest": True}),
          ("register-challenge", "REGISTER, challenge, REGISTER", "register", "register_digest.cfg", 200,
           {"digest": True, "challenged": True}),
          ("call", "Call through the proxy", "call", "proxy.cfg", 100, {"warm_up": CALL}),
      ])),
]
