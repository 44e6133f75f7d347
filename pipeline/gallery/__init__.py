"""Pages to look through a whole dataset, or through what differs between two: only what is seen is loaded.

``views`` chooses and draws pictures (in the sandbox), ``rows`` says what a row shows, ``parts`` writes one shard's
files, ``build`` a run's gallery and ``differences`` the page of two versions. ``gallery.js`` draws them.
"""
