"""``witnessmark`` and ``python -m pipeline``. Nothing is defined here: Beam pickles what is."""

from pipeline.entry import main

if __name__ == "__main__":
    main()
