"""What a person must hear of, and how it reaches them: incidents, messages, delivery through Apprise.

Not here: what is told to whom already (``storage``), or what in the system's state makes an incident (``defs``).
"""
