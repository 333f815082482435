"""Tenant isolation (TenancyConfig PER_TENANT): who must name a tenant, what is refused with it, its quota.

Pure. Sources: https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html and its page on troubleshooting.
Must not know environments.
"""

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.resources.functions.model import FunctionConfiguration

_ENVIRONMENTS = 2_500  # active or idle, of all tenants together ...
_PER_CONCURRENCY = 1_000  # ... for so many concurrent executions


def is_isolated(configuration: FunctionConfiguration) -> bool:
    return "TenancyConfig" in configuration.settings


def check_tenant(configuration: FunctionConfiguration, tenant_id: str | None) -> None:
    """A tenant must be named exactly where functions are isolated by tenant."""
    if is_isolated(configuration):
        if not tenant_id:
            raise InvalidParameterValueException(
                "The invoked function is enabled with tenancy configuration. "
                "Add a valid tenant ID in your request and try again."
            )
    elif tenant_id:
        raise InvalidParameterValueException(
            "The invoked function is not enabled with tenancy configuration. "
            "Remove the tenant ID from your request and try again."
        )


def refuse_with_tenants(configuration: FunctionConfiguration, feature: str) -> None:
    """What would share environments between tenants, or could not name one. AWS's own words are not published."""
    if is_isolated(configuration):
        raise InvalidParameterValueException(f"{feature} is not supported for functions with tenant isolation.")


def most_environments(concurrency: int) -> int:
    """How many environments the tenants of a function with so much concurrency may have together, at least one."""
    return max(1, concurrency * _ENVIRONMENTS // _PER_CONCURRENCY)
