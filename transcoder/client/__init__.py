"""A typed client of the service.

    from transcoder.client import Client

    with Client("https://evidence.example", token="trc_...") as client:
        job = client.wait(client.submit("CCTV.avi", case={"urn": "45AA1234526"}).id)
        client.download(job, "delivery/")
        assert all(result.ok for result in client.verify("delivery/"))

A receiver of webhooks confirms what arrives with ``verify_webhook``.

It needs ``httpx`` (``pip install 'evidence-transcoder[service]'``), and loads nothing of the service itself.
"""

from transcoder.client.calls import ServiceError
from transcoder.client.client import Client
from transcoder.client.shapes import File, Job, JobError, Profile, Source
from transcoder.webhooks import verify_webhook

__all__ = ["Client", "File", "Job", "JobError", "Profile", "ServiceError", "Source", "verify_webhook"]
