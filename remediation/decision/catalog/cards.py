"""What AIRRA never does itself: named so that a person is told what to weigh, without an executor.

A card has no parameters and no way to a target. It can only be shown.
"""

from dataclasses import dataclass

from analysis.types import Mechanism


@dataclass(frozen=True)
class Card:
    """One class of irreversible deed. `weigh` is what has to be known before anybody does it."""

    key: str
    title: str
    weigh: tuple[str, ...]
    fits: frozenset[Mechanism] = frozenset()


_M = Mechanism
CARDS: dict[str, Card] = {
    card.key: card
    for card in (
        Card(
            "failover",
            "Fail over to a standby",
            (
                "the replication lag of the standby, and what would be lost with it",
                "that the old primary is fenced off before the new one takes writes",
                "how to go back",
            ),
            frozenset({_M.NODE, _M.DB_LOCK}),
        ),
        Card(
            "delete_data",
            "Delete data to free space",
            (
                "a backup that has been restored once",
                "what holds the space, and whether it can be moved instead",
            ),
        ),
        Card(
            "drop_volume",
            "Delete a volume or a claim",
            ("a snapshot", "that nothing is still mounted from it"),
        ),
        Card(
            "purge_queue",
            "Empty a queue",
            ("whether the messages can be sent again", "who waits for an answer to them"),
            frozenset({_M.JOB}),
        ),
        Card(
            "restore_backup",
            "Restore from a backup",
            ("what was written since the backup", "that it goes to a new place first"),
        ),
        Card(
            "renew_certificate",
            "Renew or replace a certificate",
            ("who may issue it", "which clients have pinned the old one"),
            frozenset({_M.EXPIRY}),
        ),
        Card(
            "block_traffic",
            "Shut out a part of the traffic",
            ("who is behind these addresses", "when it is lifted again"),
            frozenset({_M.TRAFFIC}),
        ),
    )
}


def cards_for(mechanism: Mechanism) -> tuple[Card, ...]:
    """What a person might consider against such a cause."""
    return tuple(card for card in CARDS.values() if mechanism in card.fits)
