"""What AWS refuses about event invoke configurations. Pure."""

from lamplighter.aws.errors import InvalidParameterValueException, ResourceNotFoundException
from lamplighter.kernel.arn import Arn

_SERVICES = frozenset({"sqs", "sns", "lambda", "events", "s3"})


def check_destinations(on_success: str | None, on_failure: str | None, function_arn: str) -> list[Arn]:
    """Refuse what can be no destination; returns the functions named, which must exist."""
    functions = []
    for destination in (on_success, on_failure):
        if not destination or destination.startswith("kafka://"):
            continue
        arn = Arn.parse(destination)
        if arn is None or arn.service not in _SERVICES:
            raise InvalidParameterValueException(
                f"The provided destination config {_shown(on_success, on_failure)} is invalid."
            )
        if arn.service == "lambda":
            if destination == function_arn or destination.startswith(function_arn + ":"):
                raise InvalidParameterValueException("You can't specify the function as a destination for itself.")
            functions.append(arn)
    return functions


def _shown(on_success: str | None, on_failure: str | None) -> str:
    """As AWS prints it."""
    success = "null" if on_success is None else f"OnSuccess(destination={on_success})"
    failure = "null" if on_failure is None else f"OnFailure(destination={on_failure})"
    return f"DestinationConfig(onSuccess={success}, onFailure={failure})"


def destination_missing(destination: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"The destination ARN {destination} is invalid.")


def nothing_given() -> InvalidParameterValueException:
    return InvalidParameterValueException("You must specify at least one of error handling or destination setting.")


def no_function() -> ResourceNotFoundException:
    return ResourceNotFoundException("The function doesn't exist.")


def no_config(qualified_arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The function {qualified_arn} doesn't have an EventInvokeConfig")
