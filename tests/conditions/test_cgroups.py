"""Where cgroups lie: both versions, with and without a container, on made-up trees."""

from pathlib import Path

import pytest

from infra.conditions import cgroups, oom


@pytest.fixture
def process(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    return tmp_path / "self"


def tell(process: Path, membership: str, *mounts: tuple[str, Path, str, str]) -> None:
    """What the kernel says: each mount is its root, place, kind and options."""
    (process / "cgroup").write_text(membership)
    lines = [f"1 2 0:3 {root} {at} rw - {kind} x {how}\n" for root, at, kind, how in mounts]
    (process / "mountinfo").write_text("".join(lines))


def test_version_1_has_a_tree_for_each_controller(process: Path, tmp_path: Path) -> None:
    (tmp_path / "memory" / "user" / "me").mkdir(parents=True)
    tell(
        process, "3:memory:/user/me\n2:cpu,cpuacct:/\n0::/\n",
        ("/", tmp_path / "cpu", "cgroup", "rw,cpu,cpuacct"),
        ("/", tmp_path / "memory", "cgroup", "rw,memory"),
        ("/", tmp_path / "unified", "cgroup2", "rw"),
    )  # fmt: skip
    memory = tmp_path / "memory"
    assert cgroups.folders("memory", process) == [memory / "user/me", memory / "user", memory]
    assert cgroups.folders("cpu", process) == [tmp_path / "cpu"]
    assert cgroups.folders("io", process) == [tmp_path / "unified"]


def test_version_2_has_one_tree(process: Path, tmp_path: Path) -> None:
    (tmp_path / "all" / "user.slice").mkdir(parents=True)
    tell(process, "0::/user.slice\n", ("/", tmp_path / "all", "cgroup2", "rw"))
    assert cgroups.folders("cpu", process) == [tmp_path / "all/user.slice", tmp_path / "all"]


@pytest.mark.parametrize(
    ("root", "inside"), [("/docker/abc", "/docker/abc"), ("/", "/docker/abc"), ("/", "/../x")]
)
def test_a_container_sees_its_own_at_the_top(
    process: Path, tmp_path: Path, root: str, inside: str
) -> None:
    (tmp_path / "top").mkdir()
    tell(process, f"0::{inside}\n", (root, tmp_path / "top", "cgroup2", "rw"))
    assert cgroups.folders("memory", process) == [tmp_path / "top"]


def test_other_systems_have_none(tmp_path: Path) -> None:
    assert cgroups.folders("memory", tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("low 1\noom_kill 7\n", 7), ("oom_kill_disable 3\n", None), ("oom_kill\n", None), ("", None)],
)
def test_a_field_is_the_number_after_its_name(tmp_path: Path, text: str, value: int | None) -> None:
    (tmp_path / "memory.events").write_text(text)
    assert cgroups.field(tmp_path / "memory.events", "oom_kill") == value
    assert cgroups.field(tmp_path / "missing", "oom_kill") is None


@pytest.mark.parametrize("name", ["memory.events", "memory.oom_control"])
def test_kills_are_those_of_the_innermost_cgroup_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    inner, outer = tmp_path / "a" / "b", tmp_path / "a"
    inner.mkdir(parents=True)
    monkeypatch.setattr(cgroups, "folders", lambda controller: [inner, outer])
    monkeypatch.setattr(oom, "SYSTEM", tmp_path / "vmstat")
    assert oom.kills() == 0
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 9\n")
    assert oom.kills() == 9
    (outer / name).write_text("oom_kill 4\n")
    assert oom.kills() == 4
    (inner / name).write_text("oom_kill 2\n")
    assert oom.kills() == 2


@pytest.mark.parametrize(("before", "after"), [("0", "500"), ("-100", "500"), ("900", "900")])
def test_a_volunteer_never_becomes_less_likely_to_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    (tmp_path / "score").write_text(before)
    monkeypatch.setattr(oom, "ADJUSTMENT", tmp_path / "score")
    oom.volunteer()
    assert (tmp_path / "score").read_text() == after


def test_where_there_is_no_score_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oom, "ADJUSTMENT", tmp_path / "missing" / "score")
    oom.volunteer()
