"""From a box to pixels: each file is a way to cut out what a box holds; the machine ``segment`` uses one of them.

``grabcut`` needs no weights; ``sam_onnx`` and ``sam_transformers`` load a model of the SAM family from a local path;
``http`` asks a server.
"""
