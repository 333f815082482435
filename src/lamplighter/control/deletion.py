"""What goes with a function: its aliases, tags, and whatever else hangs on it, in the transaction that deletes it.

Every family that attaches something to functions adds its line here. Must not know how a function itself is deleted.
"""

from lamplighter.resources.aliases.table import delete_alias, list_aliases
from lamplighter.resources.capacity_providers.table import delete_scaling
from lamplighter.resources.code_signing.table import bind_function
from lamplighter.resources.event_invoke.table import delete_config, delete_configs
from lamplighter.resources.function_urls.table import delete_url, delete_urls
from lamplighter.resources.functions.model import FunctionRecord
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.policies.table import delete_policies
from lamplighter.resources.provisioned_concurrency import table as provisioned_concurrency
from lamplighter.resources.tags.table import put_tags
from lamplighter.storage.storage import Transaction


def delete_dependents(transaction: Transaction, record: FunctionRecord) -> None:
    latest = record.latest
    for alias in list_aliases(transaction, latest.account_id, latest.region, latest.name):
        delete_alias(transaction, alias)
    put_tags(transaction, latest.arn, {})
    bind_function(transaction, latest.name, record.code_signing_config_arn, None)
    delete_configs(transaction, latest.account_id, latest.region, latest.name)
    delete_policies(transaction, latest.arn)
    name = FunctionName(latest.account_id, latest.region, latest.name)
    delete_urls(transaction, name)
    provisioned_concurrency.delete_configs(transaction, name)
    delete_scaling(transaction, name)


def delete_dependents_of(transaction: Transaction, name: FunctionName, qualifier: str) -> None:
    """What goes with one version or alias."""
    delete_config(transaction, name.account_id, name.region, name.name, qualifier)
    delete_url(transaction, name, qualifier)
    provisioned_concurrency.delete_config(transaction, name, qualifier)
    delete_scaling(transaction, FunctionName(name.account_id, name.region, name.name, qualifier))
    transaction.delete("policies", f"{name.arn}:{qualifier}")
