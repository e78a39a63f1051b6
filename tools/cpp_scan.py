"""Reads C++ just well enough for tidy: comments and literals blanked out, includes, functions."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""//[^\n]* | /\*.*?\*/
      | R"(?P<tag>[^()\s\\"]{0,16})\(.*?\)(?P=tag)"
      | "(?:\\.|[^"\\\n])*" | (?<![\w'])'(?:\\.|[^'\\\n])+'""",
    re.VERBOSE | re.DOTALL,
)
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
_SCOPE = re.compile(
    r'(?:^|\s)(?:(?:inline\s+)?namespace|class|struct|union|enum)\b|^\s*extern\s*(?:""|$)')
_TYPE_NAME = re.compile(r"\b(?:class|struct|union|enum(?:\s+class)?|using|concept)\s+(\w+)")
_CALL = re.compile(r"([~\w:]+|operator\s*\S+?)\s*\(")


@dataclass(frozen=True)
class Include:
    line: int
    path: str
    is_system: bool


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    lines: int


def blank(text):
    """Replaces comments and the content of literals by spaces; every newline stays."""

    def spaces(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        quote = token[-1]
        return quote + re.sub(r"[^\n]", " ", token[1:-1]) + quote

    return _TOKEN.sub(spaces, text)


def includes(text):
    # Only comments matter here: blanking strings would lose the quoted paths.
    without_comments = re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                              text, flags=re.DOTALL)
    return [Include(without_comments.count("\n", 0, match.start(1)) + 1, match.group(2),
                    match.group(1) == "<")
            for match in _INCLUDE.finditer(without_comments)]


def type_names(blanked):
    return [(blanked.count("\n", 0, match.start(1)) + 1, match.group(1))
            for match in _TYPE_NAME.finditer(blanked)]


def _is_scope(head):
    """True when the text before a brace opens a namespace or a type, not a function."""
    without_templates = re.sub(r"template\s*<[^{}]*?>\s*(?=\w)", " ", head)
    match = _SCOPE.search(without_templates)
    return bool(match) and "(" not in re.sub(
        r"\b(?:LAKEHOUSE_THREAD_ATTRIBUTE|alignas|__attribute__)\s*\([^{}]*?\)+", " ",
        without_templates)


def _opened(head, head_start, inside_function):
    """Says what a brace after `head` opens: None for a scope, (name, start) for a function."""
    if inside_function or head.rstrip().endswith("="):
        return "", head_start
    if "(" not in head or _is_scope(head):
        return None
    call = _CALL.search(head)
    return (call.group(1) if call else "?", head_start + len(head) - len(head.lstrip()))


def functions(blanked):
    """Returns the functions defined at namespace and class level with their length in lines."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  blanked, flags=re.MULTILINE)
    found = []
    scopes = []  # For every open brace: None for a namespace or type, else (name, start).
    head_start = 0
    parentheses = 0
    for match in re.finditer(r"[(){};]", code):
        position = match.start()
        if match.group() in "()":
            parentheses = max(0, parentheses + (1 if match.group() == "(" else -1))
            continue
        if parentheses:
            continue  # Arguments and initializers; what they open they close.
        if match.group() == "{":
            scopes.append(_opened(code[head_start:position], head_start, any(scopes)))
        elif match.group() == "}" and scopes:
            opened = scopes.pop()
            if opened and opened[0]:
                first = code.count("\n", 0, opened[1]) + 1
                last = code.count("\n", 0, position) + 1
                found.append(Function(opened[0], first, last - first + 1))
        if not any(scopes):
            head_start = match.end()
    return found
