"""A site's values, the checks on paths and cron lines."""

from pathlib import Path

import pytest

from pipeline.deployment.cron import cron_problem, time_zone_problem
from pipeline.deployment.paths import claim_of, file_system, refuse_own_folders, refuse_special_characters
from pipeline.deployment.settings import KubernetesSettings, SlurmSettings, load_values, values_to_toml
from pipeline.errors import UsageError


def test_a_file_and_then_single_values(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[kubernetes]\nnodes = 3\ncpus = 4\n[slurm]\npartition = "gpu"\nsbatch = ["--mail-type=FAIL"]\n')
    values = load_values(KubernetesSettings, "kubernetes", str(path), ["cpus=16", "image=lab/semcorpus:1"])
    assert (values.nodes, values.cpus, values.image) == (3, 16, "lab/semcorpus:1")
    slurm = load_values(SlurmSettings, "slurm", str(path), [])
    assert (slurm.partition, slurm.sbatch) == ("gpu", ("--mail-type=FAIL",))


def test_values_come_back_from_toml(tmp_path: Path) -> None:
    values = KubernetesSettings(
        image='a/"b\\c":1', nodes=7, hours=0.5, monitoring=True, claims={"/data": "share", "/index/x": "fast"}
    )
    path = tmp_path / "values.toml"
    path.write_text(values_to_toml(values, "kubernetes"))
    assert load_values(KubernetesSettings, "kubernetes", str(path), []) == values
    assert values_to_toml(KubernetesSettings(), "kubernetes") == "[kubernetes]\n"


def test_a_text_needs_no_quotes() -> None:
    values = load_values(SlurmSettings, "slurm", "", ["time=60", "account=4711", 'qos="7"', "nodes=4"])
    assert (values.time, values.account, values.qos, values.nodes) == ("60", "4711", "7", 4)


@pytest.mark.parametrize(
    ("text", "assignment", "sentence"),
    [
        ("", "partiton=a", "Did you mean 'partition'?"),
        ("", "nodes", "--set takes key=value"),
        ("", "time=soon", "The value time for slurm does not fit"),
        ("", "nightly=25:00", "The value nightly for slurm does not fit"),
        ("", 'nodes="4"', "The value nodes for slurm does not fit"),
        ("[slrum]", "nodes=1", "its tables are [kubernetes] and [slurm]"),
        ("slurm = 1", "nodes=1", "a table [slurm] is needed"),
        ("[slurm", "nodes=1", "cannot be read"),
    ],
)
def test_wrong_values(text: str, assignment: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_values(SlurmSettings, "slurm", str(path), [assignment])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["15 2 * * *", "*/5 0-6/2 1,15 jan-mar mon-fri", "0 0 ? * SUN", "@daily", "59 23 31 12 6"],
)
def test_cron_lines(line: str) -> None:
    assert cron_problem(line) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "has 0 fields"),
        ("* * * * * *", "has 6 fields"),
        ("60 * * * *", "minute '60' is not between 0 and 59"),
        ("* * 0 * *", "day of the month '0'"),
        ("* * * * 7", "day of the week '7' is not between 0 and 6"),
        ("* * * 13 *", "month '13'"),
        ("5-1 * * * *", "runs backwards"),
        ("*/0 * * * *", "step of 0"),
        ("1- * * * *", "no number, range or list"),
        ("jan * * * *", "minute 'jan'"),
        ("@noon", "none of @yearly"),
        ("TZ=UTC 0 0 * * *", "given apart"),
    ],
)
def test_wrong_cron_lines(line: str, said: str) -> None:
    assert said in str(cron_problem(line))


def test_time_zones() -> None:
    assert time_zone_problem("Europe/Amsterdam") is None
    assert time_zone_problem("Local") is not None
    assert time_zone_problem("") is not None


def test_the_deepest_claim_holds_a_path() -> None:
    claims = {"/data": "a", "/data/index": "b"}
    assert claim_of("/data/x", claims) == "/data"
    assert claim_of("/data/index/x", claims) == "/data/index"
    assert claim_of("/data/indexes", claims) == "/data"
    assert claim_of("/database", claims) is None
    assert claim_of("/data", {}) is None


def test_words_for_two_shells() -> None:
    refuse_special_characters(["/a/b-c_d.e", "s3://x/y", "--set", "embed.batch=64", "0.0.0.0:9464"])
    for word in ("a b", "$HOME", "a;b", "`a`", "a'b", "", "a\nb", "*"):
        with pytest.raises(UsageError, match="two shells"):
            refuse_special_characters([word])


def test_a_folder_in_memory_is_refused() -> None:
    refuse_own_folders([str(Path(__file__).parent), "s3://a/b"])
    with pytest.raises(UsageError, match="a tmpfs that only this machine has"):
        refuse_own_folders(["/dev/shm/corpus"])


def test_the_file_system_of_a_path(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("d / ext4 rw 0 0\ns /net/my\\040share nfs4 rw 0 0\nt /net tmpfs rw 0 0\nu / overlay rw 0 0\n")
    assert file_system("/net/my share/a", str(mounts)) == ("nfs4", "/net/my share")
    assert file_system("/network", str(mounts)) == ("overlay", "/")
    assert file_system("/a", str(tmp_path / "none")) == ("", "/")
