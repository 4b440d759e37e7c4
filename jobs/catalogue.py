"""The commands: their names, modules and one-line summaries.

Imports next to nothing, so that ``semcorpus --help`` is quick.
"""

from pipeline import stage_list

STAGES = stage_list.SUMMARIES

_BEFORE = {
    "demo": "Write a small corpus with known answers.",
    "run": "Bring an index up to date with its corpus: the whole job.",
}
_AFTER = {
    "study": "Run one published study, and put its figures beside ours.",
    "finetune": "Teach a network a label set and embed all pictures with it.",
    "predict": "Write the labels that a fine-tuned network gives, with how sure it is, as a label set of their own.",
    "sheet": "Draw contact sheets of clusters or of chosen images, with what the network sees beside each.",
    "tune": "Search the grid of stacked autoencoders on Ray Tune, keep the best, and encode with it.",
    "codes": "Draw how well codes can be turned back, and list the worst pictures.",
    "status": "Say of every stage what is done and what is missing.",
    "history": "List the commits of an index.",
    "changes": "Say what became different since the last run.",
    "rollback": "Return an index to an earlier commit.",
    "show": "Show all that an index knows of one image.",
    "export": "Write anonymous pictures, folders of labels or clusters, or tables.",
    "expire": "Delete old commits and what only they need.",
    "forget": "Remove an image and its history for good.",
    "verify": "Check an index against itself and its corpus.",
    "repair": "Return a damaged index to its newest sound state.",
    "submit": "Run the job on SLURM or Kubernetes: render, check, send, follow.",
    "doctor": "Say what works on this machine and what does not.",
}

SUMMARIES = {**_BEFORE, **STAGES, **_AFTER}
# Stages whose command does more than run them.
OWN_COMMAND = ("scale",)
MODULES = {name: "jobs.stage" if name in STAGES and name not in OWN_COMMAND else f"jobs.{name}" for name in SUMMARIES}
