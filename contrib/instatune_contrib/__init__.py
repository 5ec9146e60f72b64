"""Experimental components, one topic a folder; they enter by the same door as everybody's.

Each folder says in its docstring who owns it and what its status is. Anything here may change or
leave in any release.
"""
