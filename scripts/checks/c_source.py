# SPDX-License-Identifier: GPL-2.0-only
"""A small scanner for kernel C: functions, structs and enums, with their places and comments.

It needs no tool whose version changes the numbers. It reads declarations at file level only and
trusts the kernel's coding style; it is no C parser.
"""
import re
from pathlib import Path
from typing import List, NamedTuple

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
""", re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE | re.DOTALL)
# Words followed by parentheses that are attributes of a declaration, not its name.
ATTRIBUTE = re.compile(r"__(?:attribute__|aligned|printf|acquires|releases|must_hold|counted_by"
                       r"|bpf_md_ptr|section|alias|assume_aligned|no_sanitize)\Z")
AGGREGATE = re.compile(r"(?:typedef\s+)?(?:(?:static|const)\s+)*(struct|enum|union)\b")


class Item(NamedTuple):
    """A definition at file level."""

    kind: str           # function, struct, enum or union
    name: str
    line: int           # of the first word of the definition
    open_line: int      # of its opening brace
    close_line: int     # of its closing brace
    args: List[str]     # of a function
    result: str         # what stands before a function's name
    doc: str            # the comment that ends right above it

    @property
    def length(self) -> int:
        """Lines from the opening brace through the closing brace."""
        return self.close_line - self.open_line + 1


def blank(match) -> str:
    """The matched text as spaces, with its line ends kept so that places stay true."""
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments(text: str) -> str:
    """The text with comments blanked and everything else in place."""
    return TOKEN.sub(lambda m: blank(m) if m.group("comment") else m.group(0), text)


def plain_code(text: str) -> str:
    """The text with comments, strings and preprocessor lines blanked."""
    return DIRECTIVE.sub(blank, TOKEN.sub(blank, text))


def line_of(text: str, offset: int) -> int:
    """The line number of an offset."""
    return text.count("\n", 0, offset) + 1


def split_args(params: str) -> List[str]:
    """The parameters of a function, split at the commas of its own level."""
    args, depth, start = [], 0, 0
    for place, char in enumerate(params):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            args.append(params[start:place])
            start = place + 1
    args.append(params[start:])
    args = [" ".join(arg.split()) for arg in args]
    return [] if args in ([""], ["void"]) else args


def top_level(head: str) -> str:
    """The head with the insides of its parentheses blanked."""
    out, depth = [], 0
    for char in head:
        depth -= char == ")"
        out.append(char if depth == 0 or char == "\n" else " ")
        depth += char == "("
    return "".join(out)


def function_head(head: str):
    """(result, name, args) when the text before a brace declares a function, else None."""
    outer = top_level(head)
    if "=" in outer:
        return None
    for match in re.finditer(r"(\w+)\s*\(", outer):
        if not ATTRIBUTE.match(match.group(1)):
            close = outer.index(")", match.end())
            result = re.sub(r"__\w+__?\s*\(.*?\)+", " ", head[:match.start()])
            return (" ".join(result.split()), match.group(1),
                    split_args(head[match.end():close]))
    return None


def aggregate_head(head: str):
    """(kind, name) when the text before a brace declares a struct, enum or union, else None."""
    outer = top_level(head)
    match = AGGREGATE.match(outer.strip())
    if not match or "=" in outer:
        return None
    words = [word for word in re.findall(r"\w+", outer.strip()[match.end():])
             if not word.startswith("__")]
    return (match.group(1), words[0] if words else "")


def comment_above(text: str, start: int) -> str:
    """The block comment that ends right above an offset, or nothing."""
    before = text[:start].rstrip()
    if not before.endswith("*/"):
        return ""
    return before[before.rindex("/*"):]


def matching_brace(code: str, start: int) -> int:
    """The offset of the brace that closes the one at start."""
    depth = 0
    for match in re.finditer(r"[{}]", code[start:]):
        depth += 1 if match.group(0) == "{" else -1
        if depth == 0:
            return start + match.start()
    return len(code) - 1


def make_item(text, code, start, brace, close):
    """The item whose head is code[start:brace], or None when it is an initialiser."""
    head = code[start:brace]
    begin = start + len(head) - len(head.lstrip())
    function, aggregate = function_head(head), aggregate_head(head)
    if function:
        result, name, args = function
        kind = "function"
    elif aggregate:
        (kind, name), args, result = aggregate, [], ""
    else:
        return None
    return Item(kind, name, line_of(code, begin), line_of(code, brace), line_of(code, close),
                args, result, comment_above(text, begin))


def items(path: Path) -> List[Item]:
    """The functions, structs, enums and unions that a file defines at file level."""
    text = path.read_text(encoding="utf-8")
    code = plain_code(text)
    found, start, place, parens = [], 0, 0, 0
    while place < len(code):
        char = code[place]
        parens += (char == "(") - (char == ")")
        if parens == 0 and char == ";":
            start = place + 1
        elif parens == 0 and char == "{":
            close = matching_brace(code, place)
            item = make_item(text, code, start, place, close)
            # An aggregate or initialiser ends at its semicolon, a function at its brace.
            if item:
                found.append(item)
            place = start = close
            start += 1
        place += 1
    return found


def functions(path: Path) -> List[Item]:
    """The functions that a file defines."""
    return [item for item in items(path) if item.kind == "function"]
