"""Writes tables.inc: the character classes of the reference tokenizer as sorted ranges.

The reference (huggingface/tokenizers) classifies characters with the crate unicode_categories
0.1.1, which is older than Unicode 14 and has slips of its own. The tables are therefore the sets
of Unicode 14, as Python 3.11 knows them, with the differences below taken out and put in. The
totals are checked, so another Python cannot write wrong tables.

Usage: python3 make_tables.py > tables.inc
"""

import sys
import unicodedata

# Name of the table: (categories, code points of the crate, what Unicode 14 has and the crate
# lacks, what the crate has and Unicode 14 lacks).
CLASSES = {
    "kPunctuation": (
        ("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"),
        717,
        """061D 09FD 0A76 0C77 0C84 1B7D-1B7E 2E43-2E4F 2E52-2E5D 10EAD 10F55-10F59 10F86-10F89
        1144B-1144F 1145A-1145B 1145D 11660-1166C 116B9 1183B 11944-11946 119E2 11A3F-11A46
        11A9A-11A9C 11A9E-11AA2 11C41-11C45 11C70-11C71 11EF7-11EF8 11FFF 12FF1-12FF2 16E97-16E9A
        16FE2 1E95E-1E95F""",
        "166D 111C9",
    ),
    "kNonspacingMark": (
        ("Mn",),
        1567,
        """07FD 0898-089F 08CA-08E1 09FE 0AFA-0AFF 0B55 0C04 0C3C 0D00 0D3B-0D3C 0D81 0EBA 180F
        1885-1886 1ABF-1ACE 1DF6-1DFB A82C A8C5 A8FF A9BD 10D24-10D27 10EAB-10EAC 10F46-10F50
        10F82-10F85 11070 11073-11074 110C2 111C9 111CF 1123E 1133B 11438-1143F 11442-11444 11446
        1145E 1182F-11837 11839-1183A 1193B-1193C 1193E 11943 119D4-119D7 119DA-119DB 119E0
        11A01-11A0A 11A33-11A38 11A3B-11A3E 11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A99
        11C30-11C36 11C38-11C3D 11C3F 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36
        11D3A 11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4 16F4F 16FE4
        1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A
        1E130-1E136 1E2AE 1E2EC-1E2EF 1E944-1E94A""",
        "1734",
    ),
    "kFormat": (
        ("Cf",),
        150,
        "0890-0891 08E2 110CD 13430-13438",
        "",
    ),
}

# What the crate unicode-normalization-alignments leaves where it stands: code points without a
# combining class or decomposition there, though Unicode 14 (or 15, which ICU 72 has) gives one.
NOT_DECOMPOSED = """07FD 0898-089F 08CA-08D3 09FE 0C3C 0D3B-0D3C 0EBA 0ECE 1715 1ABF-1ACE 1DF6-1DFA
    A82C 10D24-10D27 10EAB-10EAC 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 1145E 11839-1183A
    11938 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42 16FF0-16FF1
    1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF"""

# Lower-case mappings newer than Unicode 15: (first, last, what the first one becomes).
LATE_LOWER_CASE = (
    (0x1C89, 0x1C89, 0x1C8A),
    (0xA7CB, 0xA7CB, 0x0264),
    (0xA7CC, 0xA7CC, 0xA7CD),
    (0xA7CE, 0xA7CE, 0xA7CF),
    (0xA7D2, 0xA7D2, 0xA7D3),
    (0xA7D4, 0xA7D4, 0xA7D5),
    (0xA7DA, 0xA7DA, 0xA7DB),
    (0xA7DC, 0xA7DC, 0x019B),
    (0x10D50, 0x10D65, 0x10D70),
    (0x16EA0, 0x16EB8, 0x16EBB),
)

# What the regular expression class \w of the reference holds beyond Unicode 15: Unicode 16.
LATE_WORD_CHARACTERS = """0897 1C89-1C8A A7CB-A7CD A7DA-A7DC 105C0-105F3 10D40-10D65 10D69-10D6D
    10D6F-10D85 10EC2-10EC4 10EFC 11380-11389 1138B 1138E 11390-113B5 113B7-113C0 113C2 113C5
    113C7-113CA 113CC-113D3 113E1-113E2 116D0-116E3 11BC0-11BE0 11BF0-11BF9 11F5A 13460-143FA
    16100-16139 16D40-16D6C 16D70-16D79 18CFF 1CCF0-1CCF9 1E5D0-1E5FA 2EBF0-2EE5D"""


def expand(text):
    """Returns the set of code points of a list such as "061D 1B7D-1B7E"."""
    code_points = set()
    for item in text.split():
        first, _, last = item.partition("-")
        code_points.update(range(int(first, 16), int(last or first, 16) + 1))
    return code_points


def ranges(code_points):
    """Returns the sorted, inclusive ranges of a set."""
    result = []
    for code_point in sorted(code_points):
        if result and result[-1][1] == code_point - 1:
            result[-1][1] = code_point
        else:
            result.append([code_point, code_point])
    return result


def code_points_of(name):
    categories, total, only_unicode, only_crate = CLASSES[name]
    result = {c for c in range(0x110000) if unicodedata.category(chr(c)) in categories}
    if not expand(only_unicode) <= result or expand(only_crate) & result:
        sys.exit(f"{name}: the differences do not fit Unicode {unicodedata.unidata_version}")
    result = result - expand(only_unicode) | expand(only_crate)
    if len(result) != total:
        sys.exit(f"{name}: {len(result)} code points, expected {total}")
    return result


def write(element, name, rows):
    """Prints one array of brace-enclosed hexadecimal rows."""
    print(f"\nconstexpr {element} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " {" + ", ".join(f"0x{value:04X}" for value in row) + "},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};")


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"Unicode 14 is needed (Python 3.11), found {unicodedata.unidata_version}")
    print("// Written by make_tables.py; do not edit.")
    for name in CLASSES:
        write("CodePointRange", name, ranges(code_points_of(name)))
    write("CodePointRange", "kNotDecomposed", ranges(expand(NOT_DECOMPOSED)))
    write("CodePointRange", "kLateWordCharacters", ranges(expand(LATE_WORD_CHARACTERS)))
    write("CaseRange", "kLateLowerCase", LATE_LOWER_CASE)


if __name__ == "__main__":
    main()
