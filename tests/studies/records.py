"""Made-up records of the experiment "revcd", for studies that only read them."""

from collections.abc import Mapping

SCORES = {"S": 0.9, "U": 0.1, "H": 0.18, "T1": 0.5}


def record(row: str, seed: int, shift: float = 0.0, **more: object) -> dict:
    """A record of a row, whose scores are raised by `shift` and by a little for each seed."""
    clean = {metric: score + shift + 0.001 * seed for metric, score in SCORES.items()}
    moved = {**clean, "S": clean["S"] - 0.2, "U": clean["U"] + 0.3, "H": clean["H"] + 0.3}
    scores = {
        "clean": clean,
        "lenient": {**clean, "S": clean["S"] + 0.05},
        "calibrated": moved,
        "lenient, calibrated": {**moved, "S": moved["S"] + 0.05},
        "validation": {"clean": {"H": clean["H"]}, "calibrated": {"H": -shift}},
        "chosen": {
            "clean": {"epochs": 6, "guidance": 2.0, "space": "as given"},
            "calibrated": {
                **{"epochs": 2, "guidance": 1.0, "space": "as given"},
                "calibration": 0.3 + 0.004 * seed,
            },
        },
        "by space": {"standardised": {**clean, "U": 0.0}, "as given": clean},
        "by guidance": {"1": clean, "4": {**clean, "U": clean["U"] + 0.2}},
        "hull": {
            "1": {"seen": 0.5, "unseen": 0.7 + 0.1 * seed},
            "4": {"seen": 1.0, "unseen": 2.0 + 0.1 * seed},
        },
        "curves": {"4": {"U": [0.1, 0.5], "S": [0.6, 0.2], "S, lenient": [0.7, 0.3]}},
        "history": [{"reconstruction": 8.0}, {"reconstruction": 4.0 - 10 * shift}],
    }
    return {"id": f"{row}-{seed}", "row": row, "seed": seed, "scores": scores, **more}


def several(shifts: Mapping[str, float], seeds: int = 3) -> list[dict]:
    """Records of some rows, each raised by its own shift, over seeds."""
    return [record(row, seed, shift) for row, shift in shifts.items() for seed in range(seeds)]
