"""Bare words on the command line: one module a verb, each with main(arguments) -> exit code."""
