"""What the contract shows as examples: one delivery from end to end, and each error with its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_JOB = "job_0f3c5a7e9b1d2f4a6c8e0b1d"
_UPLOAD = "upl_0f3c5a7e9b1d2f4a6c8e0b1d2f4a6c8e"
_SHA256 = "94cd2a07" * 8
_CASE = {"urn": "45AA1234526", "exhibit": "RJK/1", "operator": None, "description": None}
QUEUED: dict[str, Any] = {
    "id": _JOB, "state": "queued", "phase": "queued", "percent": 0.0, "profile": "cps-twif-1mb", "verdict": None,
    "source": {"name": "CCTV.avi", "bytes": 48_211_004, "sha256": _SHA256}, "case": _CASE, "priority": "normal",
    "deadline": None, "warnings": [], "error": None, "files": [], "receipts": [], "result": None, "attempt": 0,
    "worker": None, "created_at": "2026-11-24T09:00:00Z", "started_at": None, "ended_at": None, "revision": 1,
}  # fmt: skip
_FILE = {
    "name": "CCTV.mp4", "role": "media", "bytes": 998_121, "sha256": _SHA256, "href": f"/v1/jobs/{_JOB}/files/CCTV.mp4",
}  # fmt: skip
DELIVERED: dict[str, Any] = {
    **QUEUED, "state": "delivered", "phase": "delivered", "percent": 100.0, "verdict": "meets-floor", "files": [_FILE],
    "attempt": 1, "started_at": "2026-11-24T09:00:01Z", "ended_at": "2026-11-24T09:00:21Z", "revision": 9,
}  # fmt: skip
_VERIFIED = {
    "ok": True,
    "results": [
        {
            "certificate": "CCTV.certificate.json", "ok": True, "verdict": "meets-floor", "signer": None,
            "receipts": [],
            "steps": [{"number": 1, "title": "The certificate is whole", "outcome": "passed", "detail": "1 file"}],
        }
    ],
}  # fmt: skip
_PROFILE = {
    "name": "cps-twif-1mb", "title": "CPS, TWIF, 1 MB", "cap_bytes": 1_000_000,
    "summary": "at most 1,000,000 bytes a file", "toml": 'name = "cps-twif-1mb"\n',
}  # fmt: skip
_HEAD = {"Tus-Resumable": "1.0.0"}
_READY = {"status": "ready", "database": "ok", "storage": "ok", "workers": 1}
_ONE = {"job_id": _JOB}
OPERATIONS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("post", "/v1/jobs"): {
        "parameters": {"Idempotency-Key": "custody-4711"},
        "body": {
            "multipart/form-data": {"file": "(bytes)", "options": '{"profile": "cps-twif-1mb"}'},
            "application/json": {
                "source": {"path": "/mnt/dems/CCTV.avi"},
                "options": {"profile": "cps-twif-1mb", "case": {"urn": "45AA1234526", "exhibit": "RJK/1"}},
            },
        },
        "answers": {"201": QUEUED, "200": DELIVERED},
    },
    ("get", "/v1/jobs"): {
        "parameters": {"case": "45AA1234526", "limit": 50},
        "answers": {"200": {"jobs": [DELIVERED], "next": None}},
    },
    ("get", "/v1/jobs/{job_id}"): {"parameters": _ONE, "answers": {"200": DELIVERED}},
    ("delete", "/v1/jobs/{job_id}"): {
        "parameters": _ONE, "answers": {"202": {**QUEUED, "state": "cancelled", "phase": "cancelled"}},
    },
    ("post", "/v1/jobs/{job_id}/retry"): {"parameters": _ONE, "answers": {"202": {**QUEUED, "attempt": 1}}},
    ("get", "/v1/jobs/{job_id}/events"): {
        "parameters": _ONE, "answers": {"200": 'id: 9\nevent: job\ndata: {"state": "delivered"}\n\n'},
    },
    ("get", "/v1/jobs/{job_id}/files/{name}"): {
        "parameters": {**_ONE, "name": "CCTV.mp4"}, "answers": {"200": "(bytes)"},
    },
    ("options", "/v1/uploads"): {},
    ("post", "/v1/uploads"): {
        "parameters": {**_HEAD, "Upload-Length": 48_211_004, "Upload-Metadata": "filename Q0NUVi5hdmk="},
    },
    ("head", "/v1/uploads/{upload_id}"): {"parameters": {**_HEAD, "upload_id": _UPLOAD}},
    ("patch", "/v1/uploads/{upload_id}"): {
        "parameters": {**_HEAD, "upload_id": _UPLOAD, "Upload-Offset": 0},
        "body": {"application/offset+octet-stream": "(bytes)"},
    },
    ("delete", "/v1/uploads/{upload_id}"): {"parameters": {**_HEAD, "upload_id": _UPLOAD}},
    ("post", "/v1/verify"): {
        "body": {"application/json": {"job": _JOB}, "multipart/form-data": {"file": ["(bytes)", "(bytes)"]}},
        "answers": {"200": _VERIFIED},
    },
    ("post", "/v1/jobs/{job_id}/receipt"): {
        "parameters": _ONE, "body": {"multipart/form-data": {"file": ["(bytes)", "(bytes)"]}},
        "answers": {"200": DELIVERED},
    },
    ("get", "/v1/profiles"): {"answers": {"200": [_PROFILE]}},
    ("get", "/v1/profiles/{name}"): {"parameters": {"name": "cps-twif-1mb"}, "answers": {"200": _PROFILE}},
    ("get", "/metrics"): {"answers": {"200": 'transcoder_jobs{state="queued"} 0.0\n'}},
    ("get", "/healthz"): {"answers": {"200": {"status": "ok"}}},
    ("get", "/readyz"): {
        "answers": {"200": _READY, "503": {**_READY, "status": "not ready", "workers": 0}},
    },
}  # fmt: skip
"""By method and path."""
ERRORS: Mapping[int, Mapping[str, str]] = {
    400: {"bad-form": "the form brings no file", "bad-upload": "Upload-Length is missing",
          "client-gone": "the request ended too soon", "bad-request": "the request cannot be read"},
    401: {"unauthorised": "no valid token"},
    403: {"forbidden": "this needs a token with the role submit; yours is read",
          "csrf": "this request did not come from a page of this service"},
    404: {"not-found": "no such job", "object-missing": "the storage does not have this file"},
    408: {"request-timeout": "nothing came for 60 s"},
    409: {"idempotency-conflict": "this idempotency key was used for another file or other options",
          "not-retryable": "it is running; only what failed, was refused or was cancelled is run again",
          "not-delivered": "it is queued: there is nothing to verify", "upload-offset": "it goes on at another place",
          "upload-incomplete": "not all of it has arrived", "upload-elsewhere": "it lies on another machine"},
    410: {"upload-expired": "nothing came for too long, and it was given up"},
    412: {"tus-version": "this is tus 1.0.0"},
    413: {"upload-too-large": "the file is longer than 20,000,000,000 bytes"},
    415: {"unsupported-media-type": "the body must be application/offset+octet-stream"},
    422: {"invalid-request": "limit: Input should be less than or equal to 200",
          "profile-unknown": "no such profile: no-such-profile"},
    423: {"upload-busy": "somebody writes to it"},
    429: {"too-many-requests": "more than 1200 requests a minute"},
    460: {"checksum-mismatch": "what arrived is not what was announced"},
    500: {"internal": "internal fault (ValueError)"},
    503: {"database-unreachable": "the database does not answer",
          "audit-unwritable": "the audit log cannot be written: No space left on device; nothing leaves unlogged",
          "storage-failed": "the storage does not answer", "too-many-uploads": "200 uploads are going on"},
    507: {"disk-full": "the service has no room for this upload; nothing of it was kept"},
}  # fmt: skip
"""Of each status the codes that callers meet; a code keeps its meaning."""

__all__ = ["DELIVERED", "ERRORS", "OPERATIONS", "QUEUED"]
