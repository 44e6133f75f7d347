"""Requests by OpenAI's Batch API: collected, sent as files, fetched within a day, at half the price.

``collecting`` is who "asks" in the worker: it writes requests down, or gives what came back; ``parts`` are the files
and notes in the run folder; ``api`` is the wire; ``settling`` brings every part to its end, after a kill too. The
conversation itself is the one of online machines: a reply is a reply, whenever it comes.
"""
