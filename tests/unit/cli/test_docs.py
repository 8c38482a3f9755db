"""The written promise of the command line covers every command and option there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from transcoder.cli import exits
from transcoder.cli.main import app

DOCS = Path(__file__).resolve().parents[3] / "docs"


def document(name: str) -> str:
    path = DOCS / name
    if not path.exists():
        pytest.skip(f"docs/{name} is not written yet")
    return path.read_text(encoding="utf-8")


def commands(group: Any, name: str = "transcoder") -> Iterator[tuple[str, Any]]:
    yield name, group
    for key, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {key}")


ALL = dict(commands(typer.main.get_command(app)))


def test_there_are_commands_to_look_at() -> None:
    assert {"transcoder apply", "transcoder verify", "transcoder profiles list", "transcoder keys init"} <= set(ALL)


@pytest.mark.parametrize("name", [name for name, command in ALL.items() if not hasattr(command, "commands")])
def test_every_command_is_documented(name: str) -> None:
    """By its own heading, or by name in the heading's section of its group."""
    group, _, own = name.rpartition(" ")
    assert name in document("cli.md") or re.search(rf"\b{own}\b", section(group))


def section(command: str) -> str:
    """The sections whose headings name a command (or its group); the whole document for the program itself."""
    text = document("cli.md")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return text if command == "transcoder" else "\n".join(part for part in parts if part.startswith(command))


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (name, option)
        for name, command in ALL.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option != "--help"
    ],
)
def test_every_option_is_documented_with_its_command(command: str, option: str) -> None:
    assert re.search(rf"{option}\b", section(command))


def test_no_option_is_documented_that_does_not_exist() -> None:
    real = {option for command in ALL.values() for parameter in command.params for option in parameter.opts}
    written = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", document("cli.md")))
    assert written <= real | {"--help"}


def test_every_exit_code_is_documented() -> None:
    text = document("json-output.md")
    for code in (
        exits.DELIVERED, exits.INTERNAL, exits.USAGE, exits.REFUSED, exits.BAD_INPUT, exits.NOT_VERIFIED,
        exits.STORAGE, exits.INTERRUPTED,
    ):  # fmt: skip
        assert re.search(rf"\b{code}\b", text)


def test_every_profile_is_named_somewhere_in_the_readme_or_docs() -> None:
    from transcoder.profile import shipped_names

    text = "\n".join(path.read_text(encoding="utf-8") for path in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"])
    assert not [name for name in shipped_names() if name not in text]
