"""A run on a Ray cluster, simulated on this machine, that loses a node."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import command_line
from helpers.runs import command, environment, records, wait_for

cluster_utils = pytest.importorskip("ray.cluster_utils")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)  # workers get the environment of their node, not that of the driver
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield made
    made.shutdown()


def test_a_run_survives_the_loss_of_a_node(tmp_path: Path, cluster: Any) -> None:
    lost = cluster.add_node(num_cpus=1)
    words = command(
        tmp_path, "--seeds", "0,1,2", "--set", "faulty.fault=slow", "--address", cluster.address, engine="ray"
    )
    run = subprocess.Popen(words, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "counts")
    time.sleep(1)
    cluster.remove_node(lost, allow_graceful=False)
    said = run.communicate(timeout=240)[1]
    assert run.returncode == 0, said
    assert {record.status for record in records(tmp_path)} == {"ok"}
    assert len(records(tmp_path)) == 9


def test_an_address_where_nobody_is(tmp_path: Path) -> None:
    words = command(tmp_path, "--address", "127.0.0.1:1", engine="ray")
    ran = command_line.run(words[3:], tmp_path, environment(tmp_path))
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("error: Ray cannot join the cluster at 127.0.0.1:1")
    assert "Traceback" not in ran.stderr


def test_what_other_people_s_ray_leaves_in_the_environment_is_no_matter(tmp_path: Path) -> None:
    folder = tmp_path / ("a-folder-with-a-name-as-schedulers-give-it-" * 3)
    folder.mkdir()
    more = {"RAY_ADDRESS": "127.0.0.1:6399", "TMPDIR": str(folder)}
    words = command(tmp_path, engine="ray", tasks="toy-task")
    ran = command_line.run(words[3:], tmp_path, environment(tmp_path) | more)
    assert ran.returncode == 0, ran.stderr
    assert {record.status for record in records(tmp_path)} == {"ok"}
