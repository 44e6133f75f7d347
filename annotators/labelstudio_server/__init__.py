"""A Label Studio server at the other end: what is sent, what comes back, and what may go wrong on the way.

========================  =============================================================================
connection.py             HTTP with the server's two kinds of keys, and its errors cut by fate
projects.py               the project of a kind of work: found again, made, kept in step with its config
media.py                  how original media reach the browser
deliver.py                tasks in, once each, whatever is killed or times out
pull.py                   what changed, what is gone
local.py                  a server of one's own on this machine
========================  =============================================================================

What the tasks and results *mean* is said in ``annotators.labelstudio``, which opens no connection.
"""
