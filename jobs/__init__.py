"""The command line of semcorpus: one thin module a command."""
