"""What AWS refuses about code signing configurations, and what they make it refuse about code. Pure."""

from lamplighter.aws.errors import (
    CodeSigningConfigNotFoundException,
    CodeVerificationFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lamplighter.resources.code_signing.model import CodeSigningConfig


def check_deployment(config: CodeSigningConfig) -> None:
    """Refuse code that is not signed, which all code is here, unless the configuration only warns."""
    if config.untrusted_artifact == "Enforce":
        raise CodeVerificationFailedException(
            "The code signature failed one or more of the validation checks for signature mismatch or expiry, "
            "and the code signing policy is set to ENFORCE. Lambda blocks the deployment."
        )


def config_not_found(arn: str) -> ResourceNotFoundException:
    """Of an operation on the configuration itself. AWS answers it without a Type."""
    return ResourceNotFoundException(f"The Lambda code signing configuration {arn} can not be found.", Type=None)


def function_config_not_found(arn: str) -> CodeSigningConfigNotFoundException:
    """Of an operation on a function that names the configuration."""
    return CodeSigningConfigNotFoundException(
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    )


def config_in_use(arn: str) -> ResourceConflictException:
    return ResourceConflictException(
        f"Cannot delete the code signing configuration {arn} because it is in use by at least one function."
    )
