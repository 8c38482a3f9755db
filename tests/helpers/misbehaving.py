"""What a child that was taken over might do; run as tasks of the sandbox."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from transcoder.certificate.arrival import Played
from transcoder.errors import FloorUnreachable
from transcoder.made import Made, Order
from transcoder.model import Verdict
from transcoder.report.html import Illustrations
from transcoder.report.pictures import Pair, Pictures
from transcoder.sandbox.child import Context


@dataclass(frozen=True)
class Reply:
    """An answer."""

    number: int
    share: Fraction
    names: tuple[str, ...]


def ask_once(context: Context) -> Reply:
    answer = context.ask(b"a question")
    return Reply(len(answer), Fraction(1), (answer.decode(),))


def ask_without_listening(context: Context) -> Reply:
    """Questions whose answers nobody reads would fill the pipe, and the parent would wait for ever."""
    from transcoder.sandbox import wire

    speaker = next(end for end in range(3, 64) if _is_pipe_to_write(end))
    question = wire.frame({"kind": "ask", "value": "QQ=="})
    while True:
        os.write(speaker, question)


def _is_pipe_to_write(descriptor: int) -> bool:
    import fcntl

    try:
        return os.fstat(descriptor).st_mode & 0o170000 == 0o010000 and fcntl.fcntl(descriptor, fcntl.F_GETFL) & 3 == 1
    except OSError:
        return False


def behave(context: Context, number: int) -> Reply:
    context.tick("encode", 1, 2)
    context.tick("encode", 2, 2)
    (context.work / "made").write_bytes(b"made")
    return Reply(number, Fraction(1, 3), ("a", "\udc80"))


def segfault(context: Context) -> None:
    ctypes.string_at(0)


def play(context: Context, files: Sequence[Path]) -> Sequence[Played]:
    """Dies of one file, whatever else it was given."""
    if any("hostile" in path.name for path in files):
        os.abort()
    return [Played(name=path.name, frames=1, fault="") for path in files]


def abort(context: Context) -> None:
    os.abort()


def allocate(context: Context) -> None:
    kept = []
    while True:
        kept.append(bytearray(64 << 20))


def allocate_shared(context: Context) -> None:
    kept = []
    while True:
        block = mmap.mmap(-1, 64 << 20)
        for at in range(0, len(block), 4096):
            block[at] = 1
        kept.append(block)


def spin(context: Context) -> None:
    while True:
        pass


def sleep(context: Context) -> None:
    context.tick("encode", 1, 2)
    time.sleep(3600)


def sleep_ignoring(context: Context) -> None:
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sleep(context)


def keep_ticking(context: Context) -> None:
    for number in range(10**9):
        context.tick("encode", number, None)
        time.sleep(0.01)


def write_for_ever(context: Context) -> None:
    block = bytes(1 << 20)
    with (context.work / "large").open("wb") as file:
        while True:
            file.write(block)


def write_many(context: Context) -> None:
    number = 0
    while True:
        number += 1
        (context.work / f"{number}").write_bytes(bytes(1 << 20))


def raise_refusal(context: Context) -> None:
    raise FloorUnreachable("not enough", where="a file", hint="ask for more", code="own-code", details={"p1": [0.5, 1]})


def raise_fault(context: Context) -> None:
    raise KeyError("nobody expected this")


def fill_disk(context: Context) -> None:
    raise OSError(28, "No space left on device", str(context.work / "x"))


def say_garbage(context: Context, data: bytes) -> None:
    os.write(int(sys.argv[1]), data)
    time.sleep(60)


def answer_wrongly(context: Context) -> dict[str, Any]:
    return {"number": "one", "share": "1/0", "names": []}


def exit_quietly(context: Context) -> None:
    os._exit(7)


def print_much(context: Context, number: int) -> Reply:
    print("x" * 1_000_000)
    print("y" * 1_000_000, file=sys.stderr)
    return behave(context, number)


def try_all(context: Context, secret: Path, port: int, parent: int) -> dict[str, str]:
    """Everything that must be refused; by name, what came of it."""

    def attempt(action: Callable[[], object]) -> str:
        try:
            action()
        except OSError as error:
            return type(error).__name__
        except subprocess.SubprocessError as error:
            return type(error).__name__
        return "done"

    def connect() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            pass

    def raise_limit() -> None:
        import resource

        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999))
        except ValueError as error:
            raise OSError(str(error)) from None

    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    return {
        "passwd": attempt(Path("/etc/passwd").read_bytes),
        "beside": attempt(secret.read_bytes),
        "list": attempt(lambda: list(secret.parent.iterdir())),
        "write beside": attempt(lambda: secret.with_name("new").write_bytes(b"x")),
        "remove beside": attempt(secret.unlink),
        "link": attempt(lambda: os.link(secret, context.work / "linked")),
        "tcp": attempt(connect),
        "udp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
        "exec": attempt(lambda: subprocess.run(["/bin/true"], check=True)),
        "execve": attempt(lambda: os.execv("/bin/true", ["true"])),
        "fork": attempt(fork),
        "kill": attempt(lambda: os.kill(parent, 0)),
        "environ": attempt(Path(f"/proc/{parent}/environ").read_bytes),
        "limit": attempt(raise_limit),
        "own work": attempt(lambda: (context.work / "mine").write_bytes(b"x")),
    }


def hidden_environment(context: Context) -> dict[str, str]:
    return dict(os.environ)


def threads(context: Context) -> int:
    """Threads are needed, and must be confined too."""
    from concurrent.futures import ThreadPoolExecutor

    def read() -> bool:
        try:
            Path("/etc/passwd").read_bytes()
        except PermissionError:
            return True
        return False

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(lambda _: read(), range(8)))


def made_of(context: Context, order: Order) -> Made:
    from transcoder.making import make

    return make(context, order)


def _with_file(made: Made, **changes: Any) -> Made:
    return replace(made, files=(replace(made.files[0], **changes), *made.files[1:]))


def make_link(context: Context, order: Order) -> Made:
    link = context.work / "link.jpg"
    link.symlink_to("/etc/passwd")
    return _with_file(made_of(context, order), path=link)


def make_link_to_folder(context: Context, order: Order) -> Made:
    (context.work / "etc").symlink_to("/etc")
    return _with_file(made_of(context, order), path=context.work / "etc" / "passwd")


def make_outside(context: Context, order: Order) -> Made:
    return _with_file(made_of(context, order), path=Path("/etc/passwd"))


def make_pipe(context: Context, order: Order) -> Made:
    return _with_file(made_of(context, order), path=context.work)


def make_missing(context: Context, order: Order) -> Made:
    return _with_file(made_of(context, order), path=context.work / "not there")


def make_name_outside(context: Context, order: Order) -> Made:
    made = made_of(context, order)
    return _with_file(made, name=f"{made.stem}/../../x.jpg")


def make_other_name(context: Context, order: Order) -> Made:
    return _with_file(made_of(context, order), name="x.jpg")


def make_other_role(context: Context, order: Order) -> Made:
    return _with_file(made_of(context, order), role="certificate")


def make_other_stem(context: Context, order: Order) -> Made:
    return replace(made_of(context, order), stem="../x")


def make_too_large(context: Context, order: Order) -> Made:
    large = context.work / "large.jpg"
    large.write_bytes(bytes(order.profile.payload_cap_bytes + 1))
    return _with_file(made_of(context, order), path=large)


def make_not_identical(context: Context, order: Order) -> Made:
    other = context.work / "other.jpg"
    other.write_bytes(b"other")
    return _with_file(made_of(context, order), path=other)


def make_script(context: Context, order: Order) -> Made:
    pair = Pair('"><script>alert(1)</script>', "data:image/jpeg;base64,", 1, 1)
    return replace(made_of(context, order), shown=Illustrations(worst=Pictures(pair, pair)))


def make_no_statement(context: Context, order: Order) -> Made:
    return replace(made_of(context, order), statement={})


def make_broken_statement(context: Context, order: Order) -> Made:
    made = made_of(context, order)
    return replace(made, statement={**made.statement, "predicate": {**made.statement["predicate"], "fates": 3}})


def make_accepted(context: Context, order: Order) -> Made:
    return replace(made_of(context, order), verdict=Verdict.DEGRADED)


def make_of_somebody_else(context: Context, order: Order) -> Made:
    """What the parent knows better, said wrongly."""
    made = made_of(context, order)
    told: Any = made.statement["predicate"]
    lies = {
        "case": {"urn": "forged"},
        "issued_at": "1999-01-01T00:00:00Z",
        "signer": {"subject": "CN=Nobody", "certificate_sha256": "0" * 64, "self_issued": False},
        "source": {**told["source"], "name": "other.jpg", "sha256": "0" * 64},
        "notice": "all is well",
    }
    return replace(made, statement={**made.statement, "predicate": {**told, **lies}})


def make_and_crash(context: Context, order: Order) -> None:
    made_of(context, order)
    segfault(context)
