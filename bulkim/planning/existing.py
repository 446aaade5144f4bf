"""What becomes of users who are there already when an operation creates users, and what they cost."""

from __future__ import annotations

from bulkim.catalogue.shapes import Effect, MapByKey, Operation, Provider, Repeat, WholeCall
from bulkim.model import Kind


def leaves_alone(provider: Provider, operation: Operation) -> str | None:
    """A sentence where the operation leaves a user who exists as they are, with what changes them; None where it does not."""
    if operation.effect is not Effect.CREATE or isinstance(operation.doubt, Repeat):
        return None
    changing = [each.name for each in provider.operations if _changes(each, operation)]
    changed = (
        f"{' and '.join(changing)} {'changes' if len(changing) == 1 else 'change'} them"
        if changing
        else f"no operation of {provider.label} changes them"
    )
    return f"{operation.name} leaves a user who exists as they are; {changed}"


def _changes(other: Operation, operation: Operation) -> bool:
    """Whether it sets, for the same identity, nothing but what the operation gives a new user."""
    own = {each.name for each in operation.fields} - set(operation.keys)
    sets = {each.name for each in other.fields} - set(other.keys)
    return other.effect is Effect.ENSURE and other.keys == operation.keys and bool(sets) and sets <= own


def parts_for_existing(provider: Provider, operation: Operation) -> bool:
    """Whether the vendor refuses a whole call for one user who exists already: then each such user takes about one call more.

    Where a success tells of each item by itself, only a row with the HTTP status of a refusal is about a whole call.
    """
    if operation.batch_max == 1 or operation.effect is not Effect.CREATE:
        return False
    by_itself = not isinstance(operation.result, WholeCall | MapByKey)
    return any(
        rule.kind is Kind.ALREADY
        and rule.item
        and (not rule.operations or operation.name in rule.operations)
        and (rule.status is not None and rule.status >= 400 if by_itself else True)
        for rule in provider.errors
    )
