"""S3: PutObject and GetObject, with the bucket in the path."""

from urllib.parse import quote

from lamplighter.aws_client.client import AwsClient, Place


async def put_object(
    client: AwsClient, place: Place, bucket: str, key: str, body: bytes, content_type: str, trace_header: str = ""
) -> None:
    """Raises what AwsClient.call raises."""
    headers = {"Content-Type": content_type}
    path = _path(bucket, key)
    await client.call("s3", place, method="PUT", path=path, headers=headers, body=body, trace_header=trace_header)


async def get_object(client: AwsClient, place: Place, bucket: str, key: str, version: str | None) -> bytes:
    """Raises what AwsClient.call raises."""
    query = f"versionId={quote(version, safe='')}" if version else ""
    response = await client.call("s3", place, method="GET", path=_path(bucket, key), query=query)
    return response.body


def _path(bucket: str, key: str) -> str:
    return f"/{quote(bucket, safe='')}/{quote(key, safe='/~')}"
