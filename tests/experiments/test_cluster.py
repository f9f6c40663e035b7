"""Experiments on a Dask cluster: the same records, also where a worker dies."""

import os
import signal
import sys
import threading
import time

import pytest
from toys import QUICK, toy

from zslnb import cli
from zslnb.errors import WorkError
from zslnb.experiments import ESZSLSettings, memo, run_rows

ROWS = {
    "plain": ("clip", None),
    "ESZSL": [("eszsl", ESZSLSettings(powers=(0, power))) for power in range(1, 5)],
    "GenZSL": ("genzsl", QUICK),
}


def test_without_dask_it_is_said_what_to_install(monkeypatch, build):
    monkeypatch.setenv("ZSLNB_SCHEDULER", "tcp://localhost:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkError, match="Dask is not installed: pip install distributed"):
        run_rows({"plain": ("clip", None)}, toy(), [0])


def test_a_run_says_it_before_it_starts(monkeypatch, build, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main(["reproduce", "--scheduler", "tcp://localhost:1"]) == 1
    assert "Dask is not installed" in capsys.readouterr().err
    assert not build.exists()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, build):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(memo, "CONNECT_SECONDS", 1)
    monkeypatch.setenv("ZSLNB_SCHEDULER", "tcp://127.0.0.1:9")
    with pytest.raises(WorkError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run_rows({"plain": ("clip", None)}, toy(), [0])


@pytest.mark.slow  # workers import everything anew
def test_a_cluster_that_loses_a_worker_computes_all(monkeypatch, tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path / "here"))
    expected = run_rows(ROWS, toy(), range(2), n_jobs=1)
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path / "there"))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        monkeypatch.setenv("ZSLNB_SCHEDULER", cluster.scheduler_address)
        with distributed.Client(cluster, set_as_default=False) as client:
            first = min(client.run(os.getpid).values())

        def kill() -> None:
            while not [*(tmp_path / "there").glob("records/*.json")]:
                time.sleep(0.01)
            os.kill(first, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        records = run_rows(ROWS, toy(), range(2))
        killer.join()
    scores = [[(r["row"], r["id"], r["scores"]) for r in rows] for rows in (expected, records)]
    assert scores[0] == scores[1]
    assert len([*(tmp_path / "there" / "records").glob("*.json")]) == len(expected)
