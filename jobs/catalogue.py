"""The commands: their names, modules and one-line summaries. Imports nothing, so that ``semcorpus --help`` is quick."""

STAGES = {
    "walk": "List the corpus, digest what is new or changed, keep the ledger.",
    "pair": "Find the files that show one picture; choose one to stand for it.",
    "labels": "Match label sets to pictures by content.",
    "scale": "Read the physical scale from metadata and data bars.",
    "pixels": "Make the network-sized pictures.",
    "embed": "Make a vector for every picture.",
    "autoencode": "Train autoencoders on the vectors and make shorter codes.",
    "neighbours": "Find the exact nearest neighbours of every vector.",
    "dimension": "Estimate the intrinsic dimension.",
    "cluster": "Cluster every set of vectors.",
    "assess": "Measure the clusterings without labels, and recommend a number of clusters.",
    "subdivide": "Divide each label or cluster into a tree of sub-categories.",
    "agree": "Score the clusterings against the labels.",
    "report": "Write the tables, the figures and the page.",
}

_BEFORE = {
    "demo": "Write a small corpus with known answers.",
    "run": "Bring an index up to date with its corpus: the whole job.",
}
_AFTER = {
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
