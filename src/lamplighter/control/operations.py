"""All operations of the Lambda API that there are, built from the parts that `app` gives. Must not know any family."""

from lamplighter.control.account import AccountOperations
from lamplighter.control.aliases import AliasOperations
from lamplighter.control.capacity_providers import CapacityProviderOperations, TaggableCapacityProvider
from lamplighter.control.code_signing import CodeSigningOperations, TaggableCodeSigningConfig
from lamplighter.control.concurrency import ConcurrencyOperations
from lamplighter.control.durable import DurableExecutionOperations
from lamplighter.control.event_invoke import EventInvokeOperations
from lamplighter.control.event_source_mappings import EventSourceMappingOperations, TaggableEventSourceMapping
from lamplighter.control.function_updates import FunctionUpdateOperations
from lamplighter.control.function_urls import FunctionUrlOperations
from lamplighter.control.functions import FunctionOperations
from lamplighter.control.invoke import Door, InvokeOperations
from lamplighter.control.layer_policies import LayerPolicyOperations
from lamplighter.control.layers import LayerOperations
from lamplighter.control.plane import ControlPlane
from lamplighter.control.policies import PolicyOperations
from lamplighter.control.provisioned_concurrency import ProvisionedConcurrencyOperations
from lamplighter.control.recursion import RecursionOperations
from lamplighter.control.resource_policies import ResourcePolicyOperations
from lamplighter.control.runtime_management import RuntimeManagementOperations
from lamplighter.control.scaling import ScalingOperations
from lamplighter.control.tags import TaggableFunction, TagOperations
from lamplighter.control.versions import VersionOperations


def build_operations(plane: ControlPlane, door: Door) -> list[object]:
    """Objects whose methods carry `@operation`, for an OperationRegistry."""
    return [
        FunctionOperations(plane),
        FunctionUpdateOperations(plane),
        VersionOperations(plane),
        AliasOperations(plane),
        TagOperations(
            plane,
            [
                TaggableFunction(),
                TaggableEventSourceMapping(),
                TaggableCapacityProvider(),
                TaggableCodeSigningConfig(),
            ],
        ),
        AccountOperations(plane),
        CapacityProviderOperations(plane),
        CodeSigningOperations(plane),
        ConcurrencyOperations(plane),
        DurableExecutionOperations(plane),
        EventInvokeOperations(plane),
        EventSourceMappingOperations(plane),
        FunctionUrlOperations(plane, plane.url_domain),
        LayerOperations(plane),
        LayerPolicyOperations(plane),
        PolicyOperations(plane),
        ProvisionedConcurrencyOperations(plane),
        RecursionOperations(plane),
        RuntimeManagementOperations(plane),
        ScalingOperations(plane),
        ResourcePolicyOperations(plane),
        InvokeOperations(plane, door),
    ]
