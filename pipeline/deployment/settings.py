"""A site's values: what `semcorpus submit` puts into the files of ``deploy/``."""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.config.toml_file import parse_toml, read_toml_text
from pipeline.errors import UsageError

_Positive = Annotated[int, Field(ge=1)]
_Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*(Mi|Gi|Ti)$")]
_Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=30)]


def _mountable(folder: str) -> str:
    if not folder.startswith("/") or folder.strip("/").split("/")[0] in ("", *_OWN_FOLDERS):
        raise ValueError(
            f"a claim is mounted at an absolute path outside /{', /'.join(_OWN_FOLDERS)}; {folder!r} is not"
        )
    return folder


# What the image itself needs; a mount would hide it.
_OWN_FOLDERS = ("tmp", "etc", "usr", "bin", "sbin", "lib", "lib64", "opt", "proc", "sys", "dev", "var")
_Folder = Annotated[str, AfterValidator(_mountable)]
_Claim = Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]
Settings = TypeVar("Settings", bound="_Values")


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KubernetesSettings(_Values):
    """Where and how big on Kubernetes."""

    image: str = Field(default="", description="The image that deploy/container builds, with its tag; needed")
    gpu_image: str = Field(default="", description="The image with CUDA for the GPU nodes; needed with gpu_nodes")
    namespace: _Name = Field(default="semcorpus", description="Where all is made; it has to exist")
    name: _Name = Field(default="semcorpus", description="What the job's names begin with")
    nodes: _Positive = Field(default=2, description="Pods of the CPU stages, beside the head")
    cpus: _Positive = Field(default=8, description="Cores of such a pod")
    memory: _Memory = Field(default="32Gi", description="Memory of such a pod")
    gpu_nodes: int = Field(default=0, ge=0, description="Pods with a GPU, for the networks")
    gpus: _Positive = Field(default=1, description="GPUs of such a pod")
    hours: float = Field(default=12.0, gt=0, description="Deadline of a run; the next goes on where it stopped")
    claims: Mapping[_Folder, _Claim] = Field(
        default={"/corpus": "semcorpus-corpus", "/index": "semcorpus-index"},
        description="Folders in the pods, and the claims (PVC) mounted there",
    )
    s3_secret: str = Field(default="semcorpus-s3", description="The secret with the keys of buckets, for s3:// paths")
    schedule: str = Field(default="", description="A cron line: a CronJob that runs so often, instead of one run now")
    time_zone: str = Field(default="Etc/UTC", description="The time zone of schedule")
    monitoring: bool = Field(default=False, description="Add what Prometheus' operator and Grafana read")
    context: str = Field(default="", description="The context of kubectl [the current one]")


class SlurmSettings(_Values):
    """Where and how big on SLURM."""

    script: Literal["ray", "dask", "array"] = Field(default="ray", description="Which of deploy/slurm's scripts runs")
    name: _Name = Field(default="semcorpus", description="The job's name, and what its log's name begins with")
    nodes: _Positive = Field(default=2, description="Nodes; of an array, tasks")
    cpus: _Positive = Field(default=8, description="Cores of each")
    memory: str = Field(default="32G", pattern=r"^[1-9][0-9]*[MGT]?$", description="Memory of each")
    gpus: int = Field(default=0, ge=0, description="GPUs of each node")
    time: str = Field(
        default="08:00:00",
        pattern=r"^([0-9]+-)?[0-9]+(:[0-9]{2}){0,2}$",
        description="Time limit; the job is queued again and goes on",
    )
    partition: str = Field(default="", description="Partition [the site's default]")
    account: str = Field(default="", description="Account that pays [yours]")
    qos: str = Field(default="", description="Quality of service [the site's default]")
    sbatch: tuple[str, ...] = Field(default=(), description="More options of sbatch, such as --mail-type=FAIL")
    environment: Mapping[str, str] = Field(
        default={}, description="Variables that the scripts read, such as SEMCORPUS (the command on the nodes)"
    )
    nightly: str = Field(
        default="",
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^$",
        description="HH:MM: every night then, instead of one run now",
    )


def load_values(model: type[Settings], table: str, source: str, assignments: Sequence[str]) -> Settings:
    """Read a site's values.

    Parameters
    ----------
    model : type
        Which values.
    table : str
        Their table in the file, ``kubernetes`` or ``slurm``.
    source : str
        A TOML file; empty for all defaults.
    assignments : sequence of str
        ``key=value``, applied last. The value is TOML; what is no TOML is a string.

    Raises
    ------
    UsageError
        No such file, no TOML, an unknown key, or a value that does not fit.

    Examples
    --------
    >>> load_values(KubernetesSettings, "kubernetes", "", ["nodes=3", "image=registry.example/semcorpus:1"]).nodes
    3
    """
    values = dict(_table(source, table))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set takes key=value, for example nodes=4; got {assignment!r}.")
        field = model.model_fields.get(key.strip())
        values[key.strip()] = _value(text.strip(), is_text=field is not None and field.annotation is str)
    try:
        # As JSON, since only from JSON does a strict model take arrays for tuples.
        return model.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise UsageError(_explain(error, model, table)) from error


def _table(source: str, table: str) -> Mapping[str, object]:
    if not source:
        return {}
    try:
        values = parse_toml(read_toml_text(source))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The values in {source} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    unknown = sorted(values.keys() - {"kubernetes", "slurm"})
    if unknown:
        raise UsageError(f"{source} has {unknown[0]!r}; its tables are [kubernetes] and [slurm].")
    found = values.get(table, {})
    if not isinstance(found, dict):
        raise UsageError(f"{source}: {table!r} is a value; a table [{table}] is needed.")
    return found


def _value(text: str, *, is_text: bool) -> object:
    """TOML, or else a string; what is to be a text needs no quotes even where it reads as a number (``time=60``)."""
    try:
        value = parse_toml(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except ValueError as error:
        raise UsageError(f"--set {text[:40]}: {error}.") from error
    return text if is_text and not isinstance(value, str) else value


def _explain(error: ValidationError, model: type[_Values], table: str) -> str:
    detail = error.errors()[0]
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"There is no value {key!r} for {table}.{hint} Known are {', '.join(model.model_fields)}."
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"The value {key} for {table} does not fit: {message[:1].lower()}{message[1:]}; got {detail['input']!r}."


def values_to_toml(values: _Values, table: str) -> str:
    """The values that differ from the defaults, as a TOML file that `load_values` reads back."""
    lines = [f"{key} = {_toml(value)}" for key, value in values.model_dump(exclude_defaults=True).items()]
    return "\n".join([f"[{table}]", *lines]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
