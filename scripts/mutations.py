# SPDX-License-Identifier: GPL-2.0-only
"""The small breaks of scripts/mutations.list: how they are written, and how one is applied."""
import hashlib
import pathlib
import re
from typing import NamedTuple, Tuple

SCRIPTS = pathlib.Path(__file__).resolve().parent
LIST = SCRIPTS / "mutations.list"
HEAD = re.compile(r"^\[([\w-]+)\] (\S+)$")
FIELDS = ("what", "kunit", "guest")


class MutationError(Exception):
    """The list does not say what to do, or the sources are no longer what it was written for."""


class Mutation(NamedTuple):
    """One break: lines of one file, and what they become."""

    name: str
    path: str
    what: str
    kunit: str                  # suite or suite.test that should see it, "" = none
    guest: Tuple[str, ...]      # guest tests that should, as pytest names them, and --nic=NIC
    old: str
    new: str

    def digest(self):
        """Changes with all that a result depends on."""
        return hashlib.sha256("\0".join(map(str, self)).encode()).hexdigest()[:10]

    def applied(self, text):
        """The file's text with the break in it."""
        found = text.count(self.old)
        # The start of a line, so that the end of a longer one is no match.
        if found != 1 or not (text.startswith(self.old) or "\n" + self.old in text):
            raise MutationError(f"{self.name}: its old lines are {found} times in {self.path} and "
                                "must be there once; correct the list:\n" + self.old)
        return text.replace(self.old, self.new)


def parse(paragraph):
    """A mutation from its lines: [name] file, fields, then lines as in a diff."""
    head = HEAD.match(paragraph[0])
    if not head:
        raise MutationError(f"not the head of a mutation, [name] file: {paragraph[0]}")
    fields = dict.fromkeys(FIELDS, "")
    old, new = [], []
    for line in paragraph[1:]:
        field, _, value = line.partition(": ")
        if line[0] in " -+":
            old += [line[1:]] if line[0] != "+" else []
            new += [line[1:]] if line[0] != "-" else []
        elif field in fields and not old:
            fields[field] = value
        else:
            raise MutationError(f"{head[1]}: neither {', '.join(FIELDS)} nor a line of a diff: "
                                f"{line}")
    if not old or old == new or not fields["what"]:
        raise MutationError(f"{head[1]}: it has to say what it breaks, and to change a line")
    return Mutation(head[1], head[2], fields["what"], fields["kunit"],
                    tuple(fields["guest"].split()), lines(old), lines(new))


def lines(texts):
    return "".join(text + "\n" for text in texts)


def read(path=LIST):
    """All mutations of a list, in its order."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [parse(paragraph.splitlines()) for paragraph in re.split("\n\n+", kept.strip("\n"))
            if paragraph.strip()]
