"""``serve``, ``worker`` and ``token``: the service on this machine."""

from __future__ import annotations

import ipaddress
import json
from importlib.util import find_spec
from typing import Annotated

import typer

from transcoder.cli.root import app
from transcoder.errors import UsageError


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; loopback unless told otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8787,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Only the API; workers run elsewhere.")] = False,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask nobody for a token; on loopback only.")] = False,
) -> None:
    """Run the service: HTTP API, pages and one worker. State is kept under TRANSCODER_HOME."""
    if no_auth and not _loopback(host):
        raise UsageError(
            f"refusing to listen at {host} without authentication", hint="leave --no-auth away", code="usage"
        )
    needs_parts()
    from transcoder.cli import hosted

    hosted.serve(host, port, worker=not no_worker, authentication=not no_auth)


@app.command()
def worker() -> None:
    """Do jobs from the queue of TRANSCODER_DATABASE_URL, on any number of machines."""
    needs_parts()
    from transcoder.cli import hosted

    hosted.work()


def needs_parts() -> None:
    """:raises UsageError: where the packages of the service are not installed."""
    missing = [
        name for name in ("dbos", "fastapi", "prometheus_client", "uvicorn", "sqlalchemy") if find_spec(name) is None
    ]
    if missing:
        raise UsageError(
            f"the service's packages are not installed ({', '.join(missing)})",
            hint="pip install 'evidence-transcoder[service]'", code="service-not-installed",
        )  # fmt: skip


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


token_app = typer.Typer(help="Make, list and revoke tokens of the service.", no_args_is_help=True)
app.add_typer(token_app, name="token")


@token_app.command("create")
def token_create(
    role: Annotated[str, typer.Option(help="read, submit or admin.")] = "submit",
    name: Annotated[str, typer.Option(help="Who or what uses it.")] = "unnamed",
    case: Annotated[list[str] | None, typer.Option(help="A case reference it is limited to; repeatable.")] = None,
    expires_days: Annotated[int | None, typer.Option(min=1, max=3650, help="Good for so many days.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Make a token. It is shown once: the service keeps only its hash."""
    needs_parts()
    from transcoder.cli import render
    from transcoder.hosting import open_host
    from transcoder.server.access import Role

    if role not in list(Role):
        raise UsageError(f"no such role: {role[:40]}", hint=f"roles: {', '.join(Role)}", code="usage")
    lifetime_s = expires_days * 86400.0 if expires_days is not None else None
    secret, made = open_host().tokens().create(name, Role(role), cases=case or (), expires_s=lifetime_s)
    if as_json:
        print(json.dumps({"token": secret, **_described(made)}))
    else:
        render.say(f"{secret}\n{made.id}: {made.name}, role {made.role}; it is not shown again")


@token_app.command("list")
def token_list(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a token on standard output.")] = False,
) -> None:
    """List tokens, newest first, without their secrets."""
    needs_parts()
    from transcoder.cli import render
    from transcoder.hosting import open_host

    for item in open_host().tokens().list():
        described = _described(item)
        if as_json:
            print(json.dumps(described))
        else:
            cases = ", ".join(sorted(item.cases)) if item.cases else "all cases"
            state = "revoked" if item.revoked else f"expires {described['expires_at']}" if item.expires else "no expiry"
            render.say(f"{item.id}  {item.role:<6}  {item.name}  ({cases}; {state})")


@token_app.command("revoke")
def token_revoke(token_id: Annotated[str, typer.Argument(help="The token's id, from `token list`.")]) -> None:
    """End a token at once."""
    needs_parts()
    from transcoder.cli import render
    from transcoder.hosting import open_host

    gone = open_host().tokens().revoke(token_id)
    render.say(f"{gone.id} ({gone.name}) is revoked")


def _described(item: object) -> dict[str, object]:
    from datetime import UTC, datetime

    from transcoder.server.access import Access

    assert isinstance(item, Access)

    def moment(seconds: float | None) -> str | None:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None

    return {
        "id": item.id, "name": item.name, "role": str(item.role), "cases": sorted(item.cases) if item.cases else None,
        "created_at": moment(item.created), "expires_at": moment(item.expires), "revoked_at": moment(item.revoked),
        "used_at": moment(item.used),
    }  # fmt: skip
