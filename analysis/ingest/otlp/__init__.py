"""OTLP/HTTP bodies to our spans and lines, and the answers the protocol asks for.

Engines: bytes in, plain data out. Follows the OTLP 1.x specification, both encodings.
"""
