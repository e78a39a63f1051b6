"""The rules of tools/tidy that need nothing but the text of the files."""

import ast
import os
import re
from dataclasses import dataclass, field

try:
    import cpp_scan
except ImportError:
    from tools import cpp_scan

HEADER_LINES = 220
SOURCE_LINES = 600
FUNCTION_LINES = 70
README_LINES = 40

_POSIX_FOLDERS = ("sys/", "linux/", "netinet/", "arpa/", "net/if")
_POSIX_HEADERS = {
    "cpuid.h", "dirent.h", "dlfcn.h", "fcntl.h", "glob.h", "immintrin.h", "langinfo.h", "netdb.h",
    "nmmintrin.h", "poll.h", "pthread.h", "pwd.h", "sched.h", "signal.h", "spawn.h", "stdio.h", "stdlib.h",
    "string.h", "strings.h", "syslog.h", "termios.h", "time.h", "unistd.h", "x86intrin.h",
}
# What tests and benchmarks may include beside that: these, and the headers below tests/.
_TEST_SUFFIXES = ("_test.cc", "_bench.cc")
_TEST_HEADERS = ("gtest/", "gmock/", "benchmark/")
_BANNED_WORDS = {"util", "utils", "helper", "helpers", "common", "manager", "managers"}
# Files that are text of ours, line by line; data sets and reference vectors are not.
_TEXT = (".cc", ".h", ".md", ".py", ".txt", ".cmake", ".json", ".lock", ".ts", ".sh", ".toml")
_SCRIPTS = ("Makefile", ".ci/run", ".clang-format", ".clang-tidy")
# The rules and their tests spell out what they look for.
_RULE_FILES = ("tools/tidy_rules.py", "tools/tidy_test.py")


@dataclass(frozen=True, order=True)
class Problem:
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Module:
    name: str
    rank: int
    headers: tuple


@dataclass
class Tree:
    """The files of the repository: path from the root -> text."""

    files: dict
    modules: dict = field(init=False)
    module_problems: list = field(init=False)

    def __post_init__(self):
        self.modules, self.module_problems = parse_modules(self.files.get("src/modules.txt", ""))

    def cpp(self):
        return [path for path in sorted(self.files)
                if path.endswith((".cc", ".h")) and path.startswith(("src/", "tests/"))]

    def module_of(self, path):
        parts = path.split("/")
        return self.modules.get(parts[1]) if parts[0] == "src" and len(parts) > 2 else None


def parse_modules(text):
    """Reads modules.txt: returns the modules by name, and what is wrong with the table."""
    modules, problems, owners = {}, [], {}
    last_rank = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 3 or not fields[1].isdigit():
            problems.append(Problem("src/modules.txt", number, "expected: name rank headers"))
            continue
        headers = () if fields[2] == "-" else tuple(fields[2].split(","))
        module = Module(fields[0], int(fields[1]), headers)
        if module.rank < last_rank:
            problems.append(Problem("src/modules.txt", number, "not sorted by rank"))
        for header in headers:
            if header in owners:
                problems.append(Problem("src/modules.txt", number,
                                        f"{header} belongs to {owners[header]} already"))
            owners[header] = module.name
        last_rank = module.rank
        modules[module.name] = module
    if not modules:
        problems.append(Problem("src/modules.txt", 1, "the table of modules is missing"))
    return modules, problems


def check_module_table(tree):
    """src/modules.txt is sorted, complete, and gives each third-party header to one module."""
    problems = list(tree.module_problems)
    folders = {path.split("/")[1] for path in tree.cpp()
               if path.startswith("src/") and path.count("/") > 1}
    for folder in sorted(folders - set(tree.modules)):
        problems.append(Problem("src/modules.txt", 1, f"src/{folder} is missing"))
    return problems


def _own_module(tree, include):
    """The module of an included file of ours; None for the standard library and third parties."""
    return None if include.is_system else tree.modules.get(include.path.split("/")[0])


def check_include_ranks(tree):
    """A module includes only itself and modules of strictly lower rank."""
    problems = []
    for path in tree.cpp():
        module = tree.module_of(path)
        for include in cpp_scan.includes(tree.files[path]):
            target = _own_module(tree, include)
            if module and target and target != module and target.rank >= module.rank:
                problems.append(Problem(
                    path, include.line, f"{module.name} (rank {module.rank}) includes "
                    f"{target.name} (rank {target.rank}); only lower ranks are allowed"))
    return problems


def _is_standard(header):
    return ("/" not in header and "." not in header) or header in _POSIX_HEADERS or \
        header.startswith(_POSIX_FOLDERS)


def _test_files(tree):
    """Tests, benchmarks, what is below tests/, and the headers that only those include."""
    includers = {}
    for path in tree.cpp():
        for include in cpp_scan.includes(tree.files[path]):
            includers.setdefault("src/" + include.path, set()).add(path)
    found = {path for path in tree.cpp()
             if path.endswith(_TEST_SUFFIXES) or path.startswith("tests/")}
    while True:
        more = {path for path, users in includers.items()
                if path in tree.files and path not in found and users <= found}
        if not more:
            return found
        found |= more


def check_third_party(tree):
    """A third-party header is included only by the module that owns it."""
    problems = []
    tests = _test_files(tree)
    for path in tree.cpp():
        module = tree.module_of(path)
        allowed = module.headers if module else ()
        allowed += _TEST_HEADERS if path in tests else ()
        for include in cpp_scan.includes(tree.files[path]):
            if _own_module(tree, include) or _is_standard(include.path) or \
                    include.path.startswith(tuple(allowed)):
                continue
            if path in tests and f"tests/{include.path}" in tree.files:
                continue
            owner = next((m.name for m in tree.modules.values()
                          if m.headers and include.path.startswith(m.headers)), None)
            problems.append(Problem(path, include.line, f"{include.path} belongs to {owner}"
                                    if owner else f"{include.path} is of no module and no library "
                                    "of src/modules.txt: write paths from src/"))
    return problems


def _sizes(path, text):
    """Yields what has a limit in a file: (name, line, size, limit)."""
    yield "*", 1, text.count("\n"), HEADER_LINES if path.endswith(".h") else SOURCE_LINES
    if path.endswith((".cc", ".h")):
        for function in cpp_scan.functions(cpp_scan.blank(text)):
            yield function.name, function.line, function.lines, FUNCTION_LINES
    else:
        for node in ast.walk(ast.parse(text, path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, node.end_lineno - node.lineno + 1, FUNCTION_LINES


def measure_sizes(tree):
    """Returns {(path, name): (size, limit, line)}, the largest of each name."""
    measured = {}
    for path, text in tree.files.items():
        is_python = path.endswith(".py") or text.startswith("#!/usr/bin/env python3")
        if path not in tree.cpp() and not is_python:
            continue
        for name, line, size, limit in _sizes(path, text):
            if size > measured.get((path, name), (0, 0, 0))[0]:
                measured[path, name] = (size, limit, line)
    return measured


def parse_ratchet(text):
    entries = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            path, name, size = line.split()
            entries[path, name] = int(size)
    return entries


def check_sizes(tree):
    """Nothing crosses a size limit, and what crossed it before the limit only shrinks."""
    ratchet_path = "tools/size_ratchet.txt"
    ratchet = parse_ratchet(tree.files.get(ratchet_path, ""))
    measured = measure_sizes(tree)
    problems = []
    for (path, name), (size, limit, line) in measured.items():
        what = "the file" if name == "*" else f"function {name}"
        allowed = ratchet.get((path, name))
        if size > max(limit, allowed or 0):
            problems.append(Problem(path, line, f"{what} has {size} lines; at most "
                                    f"{max(limit, allowed or 0)} are allowed: split it"))
        elif allowed is not None and size < allowed:
            problems.append(Problem(path, line, f"{what} shrank to {size} lines: "
                                    "run tools/tidy --tighten"))
    for path, name in ratchet.keys() - measured.keys():
        problems.append(Problem(ratchet_path, 1, f"{path} {name} is gone: "
                                "run tools/tidy --tighten"))
    return problems


def tighten_ratchet(tree):
    """Returns the text of the ratchet file with every entry lowered to what is needed now."""
    ratchet = parse_ratchet(tree.files.get("tools/size_ratchet.txt", ""))
    measured = measure_sizes(tree)
    lines = [line for line in tree.files.get("tools/size_ratchet.txt", "").splitlines()
             if line.startswith("#")]
    for key in sorted(ratchet):
        size, limit, _ = measured.get(key, (0, 0, 0))
        if limit < size:
            lines.append(f"{key[0]} {key[1]} {min(size, ratchet[key])}")
    return "\n".join(lines) + "\n"


def check_pragma_once(tree):
    """Every header has #pragma once, after its purpose."""
    problems = []
    for path in tree.cpp():
        text = tree.files[path]
        if path.endswith(".h"):
            if "\n#pragma once\n" not in "\n" + text:
                problems.append(Problem(path, 1, "#pragma once is missing"))
            if not text.startswith("//"):
                problems.append(Problem(path, 1, "the first line does not say the purpose"))
    return problems


def check_readmes(tree):
    """Every module has a README.md of at most 40 lines."""
    problems = []
    for module in tree.modules:
        path = f"src/{module}/README.md"
        if path not in tree.files:
            problems.append(Problem(path, 1, "is missing"))
        elif tree.files[path].count("\n") > README_LINES:
            problems.append(Problem(path, README_LINES + 1, f"more than {README_LINES} lines"))
    return problems


def _words(name):
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def check_names(tree):
    """No file and no type is called Utils, Helpers, Common or Manager."""
    problems = []
    for path in tree.files:
        if not path.startswith("docs/") and _words(os.path.basename(path)) & _BANNED_WORDS:
            problems.append(Problem(path, 1, "the file's name says nothing: name what it does"))
    for path in tree.cpp():
        for line, name in cpp_scan.type_names(cpp_scan.blank(tree.files[path])):
            if _words(name) & _BANNED_WORDS:
                problems.append(Problem(path, line, f"the name {name} says nothing: "
                                        "name what it does"))
    return problems


def check_architecture(tree):
    """The module table of ARCHITECTURE.md is that of src/modules.txt, each with a purpose."""
    path = "ARCHITECTURE.md"
    rows = re.findall(r"^\| `?([a-z]+)`? \| (\d+) \| ([^|]*?) *\|", tree.files.get(path, ""),
                      re.MULTILINE)
    problems = []
    listed = [(name, int(rank)) for name, rank, _ in rows]
    expected = [(module.name, module.rank) for module in tree.modules.values()]
    if listed != expected:
        problems.append(Problem(path, 1, f"the module table has {listed}, expected {expected}"))
    for name, _, purpose in rows:
        if len(purpose) < 10:
            problems.append(Problem(path, 1, f"the module table gives no purpose for {name}"))
    return problems


def _is_text(path, text):
    return path.endswith(_TEXT) or path in _SCRIPTS or text.startswith("#!")


def _line_rule(pattern, complaint, keep=lambda path: True):
    def check(tree):
        problems = []
        for path, text in tree.files.items():
            if _is_text(path, text) and keep(path) and path not in _RULE_FILES:
                for match in re.finditer(pattern, text, re.MULTILINE):
                    line = text.count("\n", 0, match.start()) + 1
                    problems.append(Problem(path, line, complaint))
        return problems
    return check


check_whitespace = _line_rule(r"[ \t]+$|\r$|(?<!\n)\Z", "trailing whitespace, or no newline at the end")
check_whitespace.__doc__ = "No trailing whitespace; every file ends with a newline."
check_open_ends = _line_rule(r"\b(?:TODO|FIXME|XXX|HACK)\b", "an open end: do it or file an issue")
check_open_ends.__doc__ = "Nothing is left to do in the code."
check_machine_paths = _line_rule(r"/work/(?:main|shared|\.)|/tmp/lh\b|(?<![\w.)}])/root/",
                                 "a path of one machine")
check_machine_paths.__doc__ = "No path of somebody's machine is in the repository."
check_back_doors = _line_rule(r"\bfriend\s+(?:class|struct)\s+\w*Test\b|FRIEND_TEST",
                              "a test back door: test through the public interface")
check_back_doors.__doc__ = "No class has a friend among the tests."

RULES = {
    "module-table": check_module_table,
    "include-ranks": check_include_ranks,
    "third-party": check_third_party,
    "sizes": check_sizes,
    "pragma-once": check_pragma_once,
    "readmes": check_readmes,
    "names": check_names,
    "architecture": check_architecture,
    "whitespace": check_whitespace,
    "open-ends": check_open_ends,
    "machine-paths": check_machine_paths,
    "back-doors": check_back_doors,
}
