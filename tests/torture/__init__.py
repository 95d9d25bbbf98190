"""Runs that are killed, machines that fail, files that are damaged: nothing is lost, and no number changes unseen."""
