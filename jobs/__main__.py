"""``python -m jobs`` is ``semcorpus``."""

from jobs.main import main

if __name__ == "__main__":
    main()
