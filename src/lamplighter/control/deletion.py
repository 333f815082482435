"""What goes with a function: its aliases, tags, and whatever else hangs on it, in the transaction that deletes it.

Every family that attaches something to functions adds its line here. Must not know how a function itself is deleted.
"""

from lamplighter.resources.aliases.table import delete_alias, list_aliases
from lamplighter.resources.functions.model import FunctionRecord
from lamplighter.resources.tags.table import put_tags
from lamplighter.storage.storage import Transaction


def delete_dependents(transaction: Transaction, record: FunctionRecord) -> None:
    latest = record.latest
    for alias in list_aliases(transaction, latest.account_id, latest.region, latest.name):
        delete_alias(transaction, alias)
    put_tags(transaction, latest.arn, {})
