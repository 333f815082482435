"""AWS's errors as exceptions: one class for each exception of the service model, plus those of the protocol itself.

Raise them anywhere; only the serialiser turns them into bytes. A test compares names, statuses and sides with the
model. Must not know which operation raises what, nor how an error looks on the wire.
"""

from typing import Any, ClassVar


class AwsError(Exception):
    """An answer that is a refusal. `code` is AWS's name for it, `status` the HTTP status.

    `members` holds what AWS sends beside the message: `Type` ("User" or "Service") where AWS sends one, and modelled
    members such as `Reason` or `retryAfterSeconds`. A member given as None is left out: Type=None says that this
    operation of AWS answers without a Type.
    """

    code: ClassVar[str] = "ServiceException"
    status: ClassVar[int] = 500
    side: ClassVar[str | None] = None
    message_member: ClassVar[str] = "message"  # for errors that the model does not list

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "code" not in cls.__dict__:
            cls.code = cls.__name__

    # Any: members are what the model says, mostly text.
    def __init__(self, message: str = "", **members: Any) -> None:
        super().__init__(message)
        self.message = message
        self.members: dict[str, Any] = {} if self.side is None else {"Type": self.side}
        self.members.update(members)
        if None in self.members.values():
            self.members = {name: value for name, value in self.members.items() if value is not None}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class ClientError(AwsError):
    """The caller is at fault; AWS says so with Type "User"."""

    status = 400
    side = "User"


class ServerError(AwsError):
    """The service or something it depends on is at fault; AWS says so with Type "Service"."""

    status = 502
    side: ClassVar[str | None] = "Service"


class KmsError(ServerError):
    """A key could not be used; AWS answers without a Type (seen in github.com/serverless/examples/issues/279)."""

    side = None


# --- the exceptions of the service model


class AliasLimitExceededException(ClientError): ...


class CallbackTimeoutException(ClientError): ...


class CapacityProviderLimitExceededException(ClientError): ...


class CodeArtifactUserDeletedException(ClientError):
    status = 409


class CodeArtifactUserFailedException(ClientError):
    status = 409


class CodeArtifactUserPendingException(ClientError):
    status = 409


class CodeSigningConfigNotFoundException(ClientError):
    status = 404


class CodeStorageExceededException(ClientError): ...


class CodeVerificationFailedException(ClientError): ...


class DurableExecutionAlreadyStartedException(ClientError):
    status = 409


class EC2AccessDeniedException(ServerError): ...


class EC2ThrottledException(ServerError): ...


class EC2UnexpectedException(ServerError): ...


class EFSIOException(ClientError):
    status = 410


class EFSMountConnectivityException(ClientError):
    status = 408


class EFSMountFailureException(ClientError):
    status = 403


class EFSMountTimeoutException(ClientError):
    status = 408


class ENILimitReachedException(ServerError): ...


class ENINotReadyException(ServerError): ...


class FunctionVersionsPerCapacityProviderLimitExceededException(ClientError): ...


class InvalidCodeSignatureException(ClientError): ...


class InvalidParameterValueException(ClientError): ...


class InvalidRequestContentException(ClientError): ...


class InvalidRuntimeException(ServerError): ...


class InvalidSecurityGroupIDException(ServerError): ...


class InvalidSubnetIDException(ServerError): ...


class InvalidZipFileException(ServerError): ...


class KMSAccessDeniedException(KmsError): ...


class KMSDisabledException(KmsError): ...


class KMSInvalidStateException(KmsError): ...


class KMSNotFoundException(KmsError): ...


class ModeNotSupportedException(ClientError): ...


class NoPublishedVersionException(ClientError): ...


class PolicyLengthExceededException(ClientError): ...


class PreconditionFailedException(ClientError):
    status = 412


class ProvisionedConcurrencyConfigNotFoundException(ClientError):
    status = 404


class PublicPolicyException(ClientError): ...


class RecursiveInvocationException(ClientError): ...


class RequestTooLargeException(ClientError):
    status = 413


class ResourceConflictException(ClientError):
    status = 409


class ResourceInUseException(ClientError): ...


class ResourceNotFoundException(ClientError):
    status = 404


class ResourceNotReadyException(ServerError): ...


class RuntimeAliasDeletedException(ClientError):
    status = 409


class RuntimeVersionDeletedException(ClientError):
    status = 409


class S3FilesMountConnectivityException(ClientError):
    status = 408


class S3FilesMountFailureException(ClientError):
    status = 403


class S3FilesMountTimeoutException(ClientError):
    status = 408


class SerializedRequestEntityTooLargeException(ClientError):
    status = 413


class ServiceException(ServerError):
    status = 500


class ServiceQuotaExceededException(ClientError):
    status = 402


class SnapStartException(ClientError): ...


class SnapStartNotReadyException(ClientError):
    status = 409


class SnapStartRegenerationFailureException(ClientError):
    status = 409


class SnapStartTimeoutException(ClientError):
    status = 408


class SubnetIPAddressLimitReachedException(ServerError): ...


class TooManyRequestsException(ClientError):
    status = 429


class UnsupportedMediaTypeException(ClientError):
    status = 415


# --- errors of the protocol and of the front door, which no service model lists; AWS sends them without a Type


class ProtocolError(AwsError):
    """Refused before any operation saw the request."""

    status = 400


class ValidationException(ProtocolError): ...


class SerializationException(ProtocolError):
    message_member = "Message"


class UnknownOperationException(ProtocolError):
    status = 404


class MethodNotAllowedException(ProtocolError):
    status = 405


class RequestEntityTooLargeException(ProtocolError):
    status = 413


class AccessDeniedException(ProtocolError):
    status = 403
    message_member = "Message"


class UnrecognizedClientException(ProtocolError):
    status = 403


class InvalidSignatureException(ProtocolError):
    status = 403


class MissingAuthenticationTokenException(ProtocolError):
    status = 403


class IncompleteSignatureException(ProtocolError):
    status = 400


class ExpiredTokenException(ProtocolError):
    status = 403


class ThrottlingException(ProtocolError):
    status = 429


class ServiceUnavailableException(ProtocolError):
    status = 503


class NotImplementedException(ProtocolError):
    """An operation of the model that this server does not carry out yet."""

    status = 501
