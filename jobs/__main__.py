"""``python -m jobs`` is ``semcorpus``."""

from jobs.entry import main

if __name__ == "__main__":
    main()
