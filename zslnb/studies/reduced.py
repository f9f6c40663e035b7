"""What a profile leaves out of pages 31 and 32, beside what it reduces in methods' settings."""

from typing import Any

from zslnb.settings import one_of

TO_TWO = ("0 removed", "1 removed", "2 removed")
REDUCED = {  # profile -> table -> what it asks for instead
    "smoke": {},
    "medium": {
        "refined": {"spread": TO_TWO, "trained": TO_TWO, "n_synthetic": 100},
        "means and spread": {"n_synthetic": 100},
        "informed referents": {"controls": False},
    },
    "full": {},
}


def asked_for(table: str, profile: str, **usual: Any) -> dict[str, Any]:
    """Say what a table asks for: what is usual, unless the profile reduces it.

    Raises:
        ValueError: unknown profile.
    """
    one_of("profile", profile, tuple(REDUCED))
    return usual | REDUCED[profile].get(table, {})
