"""A configuration to begin with, for the tests of functions."""

from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration

CODE = CodeReference(digest="ab" * 32, sha256="q6s=", size=10, unzipped_size=20)


def configuration(name: str = "f") -> FunctionConfiguration:
    return FunctionConfiguration(
        account_id="111111111111",
        region="us-east-1",
        name=name,
        revision_id="revision",
        content_revision="content",
        modified_at=1_750_000_000.0,
        runtime="python3.12",
        handler="handler.handler",
        role="arn:aws:iam::111111111111:role/r",
        code=CODE,
        log_group=f"/aws/lambda/{name}",
    )
