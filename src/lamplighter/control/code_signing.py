"""Code signing configurations: create, get, list, update, delete; and which functions use one.

Must not know how signatures are made.
"""

from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.answers import last_modified
from lamplighter.control.plane import ControlPlane, require_function
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import Arn, lambda_arn
from lamplighter.resources.code_signing import rules
from lamplighter.resources.code_signing.model import CodeSigningConfig
from lamplighter.resources.code_signing.table import (
    bind_function,
    delete_config,
    get_config,
    list_configs,
    list_functions,
    put_config,
)
from lamplighter.resources.functions.table import Reader, put_function
from lamplighter.resources.tags.rules import check_tags
from lamplighter.resources.tags.table import put_tags
from lamplighter.storage.storage import Transaction

_ID_DIGITS = 17


class CodeSigningOperations:
    """The nine operations on code signing configurations and on their use by functions."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("CreateCodeSigningConfig")
    async def create_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        context.authorise("lambda:CreateCodeSigningConfig", "*")
        tags = check_tags({}, request.get("Tags") or {}, self._plane.limits.tags_per_resource)
        blank = CodeSigningConfig(
            account_id=context.account_id,
            region=context.region,
            id=f"csc-{self._plane.ids.hex(_ID_DIGITS)}",
            publishers=(),
            modified_at=context.now,
        )
        config = replace(blank, **_changes(request))

        def decide(transaction: Transaction) -> None:
            put_config(transaction, config)
            put_tags(transaction, config.arn, tags)

        await self._plane.storage.transact(decide)
        return {"CodeSigningConfig": _answer(config)}

    @operation("GetCodeSigningConfig")
    async def get_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        return {"CodeSigningConfig": _answer(self._address(request, context, "lambda:GetCodeSigningConfig"))}

    @operation("ListCodeSigningConfigs")
    async def list_code_signing_configs(self, request: Request, context: RequestContext) -> Response:
        context.authorise("lambda:ListCodeSigningConfigs", "*")
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = list_configs(self._plane.storage, context.account_id, context.region, after=after, limit=size + 1)
        return pagination.answer_page("CodeSigningConfigs", found, size, key=lambda config: config.id, show=_answer)

    @operation("UpdateCodeSigningConfig")
    async def update_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        """What the request leaves out stays; one that changes nothing is no modification."""
        arn = self._address(request, context, "lambda:UpdateCodeSigningConfig").arn

        def decide(transaction: Transaction) -> CodeSigningConfig:
            config = _require(transaction, arn)
            updated = replace(config, **_changes(request))
            if updated != config:
                updated = replace(updated, modified_at=context.now)
                put_config(transaction, updated)
            return updated

        return {"CodeSigningConfig": _answer(await self._plane.storage.transact(decide))}

    @operation("DeleteCodeSigningConfig")
    async def delete_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        arn = self._address(request, context, "lambda:DeleteCodeSigningConfig").arn

        def decide(transaction: Transaction) -> None:
            config = _require(transaction, arn)
            if list_functions(transaction, config, limit=1):
                raise rules.config_in_use(arn)
            delete_config(transaction, config)
            put_tags(transaction, arn, {})

        await self._plane.storage.transact(decide)
        return {}

    @operation("ListFunctionsByCodeSigningConfig")
    async def list_functions_by_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        config = self._address(request, context, "lambda:ListFunctionsByCodeSigningConfig")
        size, after = pagination.page_size(request), pagination.read_marker(request)
        names = list_functions(self._plane.storage, config, after=after, limit=size + 1)
        return pagination.answer_page(
            "FunctionArns",
            names,
            size,
            key=lambda name: name,
            show=lambda name: lambda_arn(config.region, config.account_id, "function", name),
        )

    @operation("PutFunctionCodeSigningConfig")
    async def put_function_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        """AWS looks for the configuration first, then for the function."""
        if get_config(self._plane.storage, request["CodeSigningConfigArn"]) is None:
            raise rules.function_config_not_found(request["CodeSigningConfigArn"])
        await self._bind(request, context, "lambda:PutFunctionCodeSigningConfig", request["CodeSigningConfigArn"])
        return await self.get_function_code_signing_config(request, context)

    @operation("GetFunctionCodeSigningConfig")
    async def get_function_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetFunctionCodeSigningConfig")
        arn = require_function(self._plane.storage, name).code_signing_config_arn
        return {} if arn is None else {"CodeSigningConfigArn": arn, "FunctionName": name.name}

    @operation("DeleteFunctionCodeSigningConfig")
    async def delete_function_code_signing_config(self, request: Request, context: RequestContext) -> Response:
        """AWS says nothing when the function has none."""
        await self._bind(request, context, "lambda:DeleteFunctionCodeSigningConfig", None)
        return {}

    async def _bind(self, request: Request, context: RequestContext, action: str, config_arn: str | None) -> None:
        name = address_function(request, context, action)

        def decide(transaction: Transaction) -> None:
            record = require_function(transaction, name)
            require_for_function(transaction, config_arn)
            if record.code_signing_config_arn != config_arn:
                bind_function(transaction, name.name, record.code_signing_config_arn, config_arn)
                put_function(transaction, replace(record, code_signing_config_arn=config_arn))

        await self._plane.storage.transact(decide)

    def _address(self, request: Request, context: RequestContext, action: str) -> CodeSigningConfig:
        context.authorise(action, request["CodeSigningConfigArn"])
        return _require(self._plane.storage, request["CodeSigningConfigArn"])


class TaggableCodeSigningConfig:
    """Code signing configurations, for the operations on tags."""

    prefix = "code-signing-config:"

    def check(self, reader: Reader, arn: Arn, text: str) -> None:
        if get_config(reader, text) is None:
            raise ResourceNotFoundException(f"Code signing config not found: {text}")

    def touch(self, transaction: Transaction, arn: Arn, revision_id: str) -> None:
        """Tags do not modify the configuration."""


def require_for_function(reader: Reader, arn: str | None) -> CodeSigningConfig | None:
    """The configuration that a function names, if it names one."""
    if arn is None:
        return None
    config = get_config(reader, arn)
    if config is None:
        raise rules.function_config_not_found(arn)
    return config


def check_deployment(reader: Reader, arn: str | None) -> None:
    """Refuse code that the function's configuration does not allow; a function without one takes everything."""
    config = None if arn is None else get_config(reader, arn)
    if config is not None:
        rules.check_deployment(config)


def _require(reader: Reader, arn: str) -> CodeSigningConfig:
    config = get_config(reader, arn)
    if config is None:
        raise rules.config_not_found(arn)
    return config


# Any: values of different fields.
def _changes(request: Request) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if request.get("AllowedPublishers") is not None:
        changes["publishers"] = tuple(request["AllowedPublishers"]["SigningProfileVersionArns"])
    policy = (request.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment")
    if policy is not None:
        changes["untrusted_artifact"] = policy
    if request.get("Description") is not None:
        changes["description"] = request["Description"]
    return changes


def _answer(config: CodeSigningConfig) -> Response:
    answer: Response = {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.untrusted_artifact},
        "LastModified": last_modified(config.modified_at),
    }
    return answer if config.description is None else {"Description": config.description, **answer}
