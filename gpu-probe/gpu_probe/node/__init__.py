"""Meters processes that nobody instrumented, from the driver's utilisation per process: notebooks, training.

Estimates, and marked so. Processes that hold a claim (claims.py) report themselves and are never counted.
"""
