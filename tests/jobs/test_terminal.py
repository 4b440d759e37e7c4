"""What is printed on a terminal, into a file, and how quickly help comes."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import pages
from jobs.catalogue import MODULES, STAGES, SUMMARIES
from jobs.main import call
from jobs.terminal import print_table
from pipeline.config import STAGE_NAMES

HEAVY = {"torch", "dask", "distributed", "ray", "sklearn", "matplotlib"}


def test_the_catalogue_names_the_stages_of_the_job() -> None:
    assert tuple(STAGES) == STAGE_NAMES


@pytest.mark.parametrize("name", MODULES)
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: semcorpus {name}" in text
    for option in ("--quiet", "--log-json", "--debug"):
        assert option in text


def test_help_lists_every_command_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--help"]) == 0
    text = capsys.readouterr().out
    assert "..." not in text.partition("Commands:")[2]
    assert all(f"\n  {name} " in text for name in SUMMARIES)


def test_tables_in_a_file_are_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["what", "why"], [["[bold]a[/]\x1b", "because " * 40]])
    assert (
        capsys.readouterr().out.splitlines()[1] == "[bold]a[/]\N{REPLACEMENT CHARACTER}  " + ("because " * 40).strip()
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["status", "INDEX"], ["history", "INDEX"], ["doctor", "--help"], ["run", "--help"]]
)
def test_quick_commands_import_no_heavy_library(words: list[str], finished: Path) -> None:
    script = (
        "import sys; from jobs.main import call; status = call(sys.argv[1:]);"
        "print(*sorted(sys.modules), sep='\\n', file=sys.stderr); sys.exit(status)"
    )
    arguments = [word.replace("INDEX", str(finished)) for word in words]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stderr.splitlines())


def test_a_run_imports_only_what_its_stages_need() -> None:
    """One that finds nothing missing, or whose workers are elsewhere, starts without what takes seconds to import."""
    script = "import sys, pipeline.job; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    late = {"dask", "matplotlib", "numba", "onnxruntime", "ray", "scipy", "sklearn", "timm", "torch"}
    assert not late & set(done.stdout.splitlines())


def test_an_interrupted_command_does_not_take_the_interpreter_down() -> None:
    """Threads of Icechunk's may still be at work, and would panic in what is left of it; atexit has its turn."""
    script = (
        "import atexit, jobs.main as program\n"
        "class Left:\n"
        "    def __del__(self): print('taken down')\n"
        "left = Left()\n"
        "atexit.register(print, 'told')\n"
        "def interrupted(**_): raise KeyboardInterrupt\n"
        "program.cli.main = interrupted\n"
        "program.main(['status'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stdout == "told\n"
    assert done.stderr.startswith("semcorpus: Interrupted.")


def test_an_interruption_while_all_is_imported_has_no_traceback() -> None:
    script = (
        "import os, signal, sys, jobs.entry\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'jobs.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "jobs.entry.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_reader_that_leaves_is_no_error(finished: Path) -> None:
    command = f"{sys.executable} -m jobs history {finished} --all | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("commit ")
    assert done.stderr == ""


def test_closed_standard_streams_are_no_error(finished: Path) -> None:
    command = f"{sys.executable} -m jobs status {finished} --format json <&- >&-"
    assert subprocess.run(command, shell=True, capture_output=True, text=True).stderr == ""


def test_a_narrow_terminal_shortens_the_last_column_only(finished: Path) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "jobs", "status", str(finished)]
    done = subprocess.run(command, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    text = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0
    assert "cluster cae-density_peaks" in text


@pytest.mark.parametrize("number", range(4))
def test_the_documents_from_the_code_are_up_to_date(number: int) -> None:
    path, text = list(pages())[number]
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"
