"""What AWS refuses about function URLs. Pure. Wordings recorded on AWS (2025-11), TestLambdaUrl."""

from lamplighter.aws.errors import ResourceConflictException, ResourceNotFoundException


def url_exists(function_arn: str) -> ResourceConflictException:
    return ResourceConflictException(
        f"Failed to create function url config for [functionArn = {function_arn}]. "
        "Error message:  FunctionUrlConfig exists for this Lambda function"
    )


def no_function() -> ResourceNotFoundException:
    """Of the operations that need the function or alias itself."""
    return ResourceNotFoundException("Function does not exist")


def no_url() -> ResourceNotFoundException:
    """Of the operations that only need the URL: AWS does not say what is missing."""
    return ResourceNotFoundException("The resource you requested does not exist.")
