#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Generic netlink as the kernel's own library speaks it, by the specifications of the same tree.

ynl_speaker.py TREE QUESTIONS ANSWERS

A question is ["family", "do" or "dump", "operation", {attributes}], an answer {"said": ...} or
{"refused": ...}; each is all that is written to its pipe until it is closed.  To start and to read
a specification takes seconds in a guest, so one process answers all questions.
"""
import functools
import json
import os
import sys


def plain(value):
    """What JSON has no word for, as cli.py of the library shows it."""
    return value.hex() if isinstance(value, bytes) else list(value)


def serve(tree, questions, answers):
    """Answer until killed."""
    sys.path.insert(0, f"{tree}/tools/net/ynl")
    from lib import NlError, YnlFamily  # pylint: disable=import-outside-toplevel,import-error

    @functools.cache
    def family(name):
        # to hold the kernel's own specification against its schema would take most of the time
        return YnlFamily(f"{tree}/Documentation/netlink/specs/{name}.yaml", "")

    def answer(name, kind, operation, attributes):
        try:
            return {"said": getattr(family(name), kind)(operation, attributes)}
        except NlError as error:
            return {"refused": str(error)}

    for path in (questions, answers):
        os.mkfifo(path)
    while True:
        with open(questions, encoding="utf-8") as pipe:
            question = json.load(pipe)
        with open(answers, "w", encoding="utf-8") as pipe:
            json.dump(answer(*question), pipe, default=plain)


serve(*sys.argv[1:])
