"""What becomes of users who are there already when an operation creates users."""

from __future__ import annotations

from bulkim.catalogue.shapes import Effect, Operation, Provider, Repeat


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
