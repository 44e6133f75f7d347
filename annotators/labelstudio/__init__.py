"""Label Studio's language, without a server: labelling configs, tasks, predictions, and results read back.

Nothing here opens a connection; ``annotators.people`` talks to the server and calls this. Formats
are those of Label Studio 1.23 and label-studio-sdk 2.1; whatever a server or a file holds is read as
hostile and refused by name (VerdictError).

============================  =========================================================================
controls.py                   names that config, prediction and result share
label_config.py, page.py      taxonomy + task -> ``<View>`` XML, versioned
config_changes.py             what a changed config means for a project that holds work
tasks.py                      a sample -> the ``data`` of a task
predictions.py                a candidate -> a prediction
reviewed.py                   an annotation -> a Verification
groups.py, region_changes.py  its entries by region; what was kept, moved, relabeled, reworded, added, removed
results.py                    any result entry -> a place, words, or a refusal by name
export_files.py, json_min.py  export files of any shape
brush.py, bitmask.py          masks as Label Studio spells them
geometry.py                   percent <-> pixels
tracks.py, frames.py          tracks and spans; frames of a player at a fixed rate <-> frames with their times
rates.py                      the rate of foreign projects
============================  =========================================================================
"""
