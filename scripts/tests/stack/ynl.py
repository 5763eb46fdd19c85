# SPDX-License-Identifier: GPL-2.0-only
"""Generic netlink as the kernel's own library speaks it, which knows what the tools of the
distribution do not: the family netdev, and settings that are newer than they."""
import functools
import json
import shlex

import kernels
from taps import fresh_path, program, wait_for_file

# The first question waits for the reading of its specification.
LIMIT = 120


class Refused(Exception):
    """The kernel has answered with an error."""


@functools.cache
def speaker(host):
    """The pipes of the program that speaks for a host of the bed, which lives as long as its guest.
    """
    questions, answers = fresh_path("questions"), fresh_path("answers")
    # the part of the kernel's sources that is in the cache, which the guest sees too
    tree = kernels.ask("kernel", "source")
    host.spawn(f"exec {program('ynl_speaker.py')} {shlex.quote(tree)} {questions} {answers}")
    wait_for_file(host.guest, answers, LIMIT)
    return questions, answers


def ask(host, *question):
    """The answer to one question."""
    questions, answers = speaker(host)
    text = shlex.quote(json.dumps(question))
    answer = json.loads(host.sh(f"echo {text} >{questions} && cat {answers}", timeout=LIMIT).stdout)
    if "refused" in answer:
        raise Refused(answer["refused"])
    return answer["said"]


def do(host, family, operation, **attributes):
    """The answer to one request."""
    return ask(host, family, "do", operation, attributes)


def dump(host, family, operation, **attributes):
    """All that there is of the kind."""
    return ask(host, family, "dump", operation, attributes)
