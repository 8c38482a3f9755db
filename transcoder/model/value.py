"""What a setting or parameter may be, wherever one is recorded."""

from __future__ import annotations

Value = str | int | float | bool | None
