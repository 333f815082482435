"""Code from S3: the object store behind the endpoint `s3`. Must not know what the objects are for."""

from lamplighter.aws_client.client import AwsClient, CallRefused, Place
from lamplighter.aws_client.s3 import get_object
from lamplighter.control.code import ObjectMissing
from lamplighter.wire.http_client import CallFailed


class S3Objects:
    """Implements control.code.ObjectSource; `place` is whose buckets are meant."""

    def __init__(self, client: AwsClient, place: Place) -> None:
        self._client = client
        self._place = place

    async def fetch(self, bucket: str, key: str, version: str | None) -> bytes:
        """The object. Raises ObjectMissing, in S3's own code and words where it gave any."""
        try:
            return await get_object(self._client, self._place, bucket, key, version)
        except CallRefused as refused:
            raise ObjectMissing(refused.code, refused.message) from refused
        except CallFailed as failed:
            raise ObjectMissing("ServiceUnavailable", str(failed)) from failed
