"""How a sample becomes a question to a vision-language model, and the model's words a Candidate.

``wanted`` what a model is asked to fill; ``prompt`` the words around it; ``views`` the pictures it
sees; ``request`` the bytes that are sent; ``client`` and ``retries`` the wire; ``reading`` and
``parse`` the way back; ``prices`` what it cost.
"""
