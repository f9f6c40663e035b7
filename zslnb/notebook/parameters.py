"""The five parameters that every page takes, and what they may be."""

from zslnb.device import choose_device
from zslnb.errors import RequestError, unknown_name

PARAMETERS = ("benchmark", "semantics", "profile", "seeds", "device")
PROFILES = ("smoke", "medium", "full")


def check_settings(profile: str, seeds: int, device: str = "auto") -> None:
    """Refuse a profile, a number of seeds or a device that no page can take.

    Raises:
        RequestError: saying what would be accepted.
    """
    if profile not in PROFILES:
        raise RequestError(unknown_name("profile", profile, PROFILES))
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise RequestError(f"seeds counts the seeds to run, 1 or more; it cannot be {seeds!r}.")
    choose_device(device)
