"""From silver to gold: the binary store that Qlib reads.

What may live here: code that writes Qlib's file format. It reads silver and computes no feature.
"""
