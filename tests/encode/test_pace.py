"""`zslnb.encode.pace`: how two speeds become one, and that timing leaves no trace."""

import logging

import pytest
import torch

from zslnb.encode import pace
from zslnb.encode.pace import Pace, measure_pace


def test_the_cpu_shares_its_cores_and_a_gpu_has_readers_beside_it(monkeypatch):
    monkeypatch.setattr(pace.joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(pace, "default_workers", lambda device: 4)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert Pace(4.0, 50.0, cpu).together == pytest.approx(1 / (1 / 4 + 1 / 100))
    assert Pace(900.0, 50.0, cuda).together == 200.0
    assert Pace(90.0, 50.0, cuda).together == 90.0


def test_a_slow_start_does_not_count(monkeypatch):
    clock = iter([0.0, 8.0, 8.0, 10.0, 10.0, 13.0])  # calls of 8, 2 and 3 seconds
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(clock))
    assert pace._speed(4, lambda: None, 3) == 2.0


def test_timing_needs_no_weights_and_leaves_no_trace(monkeypatch, caplog):
    monkeypatch.setattr(pace, "BATCHES", {"cpu": (1, 1)})
    monkeypatch.setattr(pace, "DECODED", 1)
    before = torch.get_rng_state()
    made = measure_pace("RN50", "openai", torch.device("cpu"))
    assert made.model > 0
    assert made.reader > 0
    assert torch.get_rng_state().equal(before)
    assert logging.root.manager.disable == 0
    assert not caplog.records
    with pytest.raises(RuntimeError):
        measure_pace("no such model", "openai", torch.device("cpu"))
