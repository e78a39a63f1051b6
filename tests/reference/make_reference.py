"""Writes the reference that the embedded encoder is compared with.

  texts.ndjson          1,000 texts, one JSON string a line
  token_ids.ndjson      their token ids by the tokenizer of sentence-transformers, one array a line
  vectors.f16.npy       their embeddings, 1000 x 384, rounded to half precision
  normalizer_blocks.txt for each block of 1,024 code points, the SHA-256 of what the reference
                        tokenizer makes of every character in it

Usage: python3 make_reference.py MODEL_DIRECTORY OUTPUT_DIRECTORY

Needs sentence-transformers (6.2.0 was used, with tokenizers 0.23.3 and torch 2.15.0 on a CPU). The
texts depend on this file only.
"""

import hashlib
import json
import pathlib
import random
import sys

import numpy
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

TEXTS = 1000
SEED = 20261123

FIRST_NAMES = """Amara Benjamin Chloe Diego Elena Farid Grace Hiroshi Ingrid Jamal Katarzyna Luis
    Maya Nikolai Olivia Priya Quentin Rosa Samuel Tamsin Uma Víctor Wei Ximena Yusuf Zoë""".split()
LAST_NAMES = """Okafor Lindqvist O'Brien Ramírez Nakamura Kowalski Haddad Petrov Müller Nguyen
    Castellano Smith-Jones Achterberg Iyer Dubois McAllister Öztürk Santos""".split()
CITIES = """Chicago Houston Boston Denver Seattle Atlanta Zürich Kraków Montréal Dublin Nairobi Lima
    Osaka Phoenix Tampa Portland""".split()
ROLES = (
    "registered nurse", "Java developer", "forklift operator", "certified welder", "data analyst",
    "night-shift caregiver", "C++ engineer", "payroll specialist", "electrician", "dental hygienist",
    "warehouse supervisor", "Kubernetes administrator", "bilingual teacher", "truck driver (CDL-A)",
    "pastry chef", "paralegal", "pharmacy technician", "civil engineer", "call-centre agent",
    "machine-learning researcher",
)
SKILLS = (
    "wound care", "Spring Boot", "SQL window functions", "TIG welding", "Spanish and Portuguese",
    "accounts payable", "root-cause analysis", "patient triage", "OSHA-30 certification",
    "Terraform", "ISO 9001 audits", "de-escalation", "CAD drawings", "IV therapy", "Excel macros",
    "cold calling", "PostgreSQL replication", "food safety", "contract drafting", "HL7 interfaces",
)
EMPLOYERS = (
    "Northwind Health", "St. Anne's Hospital", "Baxter & Sons", "Riverbend Logistics",
    "the county school district", "Acme Corp.", "a 24/7 clinic", "Lakeside Foods Inc.",
    "Quantum Labs", "an early-stage start-up",
)
SUBJECTS = (
    "the river", "a small committee", "the old lighthouse", "an unexpected storm", "the orchestra",
    "every volunteer", "the telescope", "a retired engineer", "the bakery on the corner",
    "the court", "a flock of starlings", "the prime minister", "the algorithm", "her grandmother",
    "the museum", "a pair of hikers", "the vaccine", "our neighbour's dog", "the harvest",
    "the spacecraft",
)
VERBS = (
    "crossed", "rebuilt", "photographed", "interrupted", "inherited", "measured", "abandoned",
    "celebrated", "mistook", "translated", "repaired", "outlived", "surrounded", "postponed",
    "described", "financed",
)
OBJECTS = (
    "the northern valley", "a forgotten manuscript", "three thousand signatures", "the border wall",
    "a bowl of lentil soup", "the last train", "an ancient olive tree", "the quarterly budget",
    "a comet's tail", "the village school", "a broken promise", "the coral reef",
    "an untuned piano", "the flooded tunnel", "a box of letters", "the whole city",
)
CLAUSES = (
    "before anyone noticed", "although the weather was poor", "because nobody else volunteered",
    "while the others slept", "in spite of the cost", "for the second time that year",
    "as the manual had warned", "with remarkable patience", "without asking for permission",
    "which surprised even the critics", "after a long silence", "until the funding ran out",
)
QUESTIONS = (
    "How do I reset my password?", "What is the capital of Mongolia?",
    "Who can work nights in {city} next week?", "Why does bread rise?",
    "Is there a {role} within 30 miles of {city}?", "When was the contract with {employer} signed?",
    "Which candidates know {skill} but not {skill2}?", "Can I deduct travel to {city}?",
)
CODE = (
    "SELECT city, count(*) FROM candidates WHERE role = '{role}' GROUP BY 1 ORDER BY 2 DESC;",
    "for (size_t i = 0; i < n; ++i) sum += x[i] * y[i];",
    "curl -s localhost:3100/query/sql -d '{{\"sql\":\"select 1\"}}'",
    "def mean(xs): return sum(xs) / len(xs)  # may divide by zero",
    "<p class=\"note\">{first} {last} &amp; co.</p>",
)


class Writer:
    """Makes English of many lengths and kinds, always the same for one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def words(self):
        pick = self.random.choice
        return {
            "first": pick(FIRST_NAMES), "last": pick(LAST_NAMES), "city": pick(CITIES),
            "role": pick(ROLES), "skill": pick(SKILLS), "skill2": pick(SKILLS),
            "employer": pick(EMPLOYERS), "years": self.random.randint(1, 35),
            "date": f"{self.random.randint(1998, 2026)}-{self.random.randint(1, 12):02}-"
                    f"{self.random.randint(1, 28):02}",
            "money": f"${self.random.randint(15, 240)},{self.random.randint(0, 999):03}.50",
            "phone": f"+1 (312) 555-{self.random.randint(100, 9999):04}",
        }

    def sentence(self):
        pick = self.random.choice
        text = f"{pick(SUBJECTS)} {pick(VERBS)} {pick(OBJECTS)}"
        if self.random.random() < 0.6:
            text += f"{pick((', ', ' '))}{pick(CLAUSES)}"
        return text[0].upper() + text[1:] + pick((".", ".", ".", "!", "?"))

    def record(self):
        return self.random.choice((
            "{first} {last} is a {role} in {city} with {years} years of experience in {skill}.",
            "Called {first} {last} at {phone} on {date}; left a message about the {role} job.",
            "{employer} needs a {role} from {date}. Pay: {money} a year; {skill} preferred.",
            "Re: interview\n\nDear {first},\n{employer} would like to meet you in {city} on {date}. "
            "Please bring proof of {skill}.\n\nBest regards,\n{last}",
            "{first}.{last}@example.com | {city} | {role} | {skill}, {skill2} | {money}",
            "# {first} {last}\n\n## Experience\n- {role}, {employer} ({years} years)\n- {skill}\n\n"
            "## Skills\n* {skill2}\n* teamwork",
        )).format(**self.words())

    def text(self):
        kind = self.random.random()
        if kind < 0.35:
            return self.sentence()
        if kind < 0.60:
            return self.record()
        if kind < 0.70:
            return self.random.choice(QUESTIONS).format(**self.words())
        if kind < 0.74:
            return self.random.choice(CODE).format(**self.words())
        if kind < 0.80:
            return " ".join(self.random.choice(SKILLS) for _ in range(self.random.randint(1, 3)))
        count = self.random.randint(2, 9) if kind < 0.97 else self.random.randint(15, 40)
        parts = [self.sentence() if self.random.random() < 0.7 else self.record()
                 for _ in range(count)]
        return self.random.choice((" ", " ", "\n", "\n\n")).join(parts)


def hard_texts():
    """Texts at which tokenizers and encoders differ."""
    family = "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466"
    texts = ["", " ", "\n\t \r\n", "a", "I", "7", ".", "\u00e9", "\u4e2d", "\U0001F600", "\u0e01",
             "\u0627", "\u0301", "\u200d", "\u00ad", "\ufffd", "\x00", "\ufeff", "\u3000"]
    texts += ["word " * 2000, "a" * 10000, "x y" * 3333 + "z", "\u4e2d\u6587" * 5000,
              (family + " ") * 1250, "e\u0301" * 5000, "." * 10000, "\n" * 9999 + "end"]
    texts += ["q" * 99, "q" * 100, "q" * 101, "one " + "supercalifragilistic" * 6 + " two",
              "\u00e9" * 100, "\u00e9" * 101, "e\u0301" * 101, "\u0e01" * 101,
              "pneumonoultramicroscopicsilicovolcanoconiosis", "Donaudampfschifffahrtsgesellschaft"]
    texts += ["[CLS]", "[MASK]", "[SEP] [PAD] [UNK]", "The [MASK] sat on the mat.", "[mask] [Mask]",
              "a[MASK]b", "[[MASK]]", "[MASK", "[CLS][SEP][CLS]", "##ing ##s # #", "[unused1]",
              "the [UNK]nown", "[MASK]\u0301 accent after a token"]
    texts += ["nul\x00inside", "bell\x07and\x1besc", "vertical\x0btab\x0cfeed", "next\u0085line",
              "del\x7fete", "soft\u00adhyphen co\u00adop", "zero\u200bwidth\u200cspaces\u200dhere",
              "replacement \ufffd character\ufffd", "bom\ufeffinside", "no\u00a0break\u202fspace",
              "line\u2028and\u2029paragraph", "ideographic\u3000space", "ogham\u1680space",
              "private \ue000 \ue001 \uf8ff use", "unassigned \u0378 \U000e0080 end",
              "tags \U000e0041\U000e0042", "word\u2060joiner", "interlinear \ufff9a\ufffab\ufffb"]
    texts += ["\u202bright to left\u202c mark\u200f", "\u200eleft\u200f\u061c\u2066isolate\u2069",
              "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
              "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
              "\u0627\u0644\u0633\u0651\u064e\u0644\u0627\u0645\u064f \u0639\u0644\u064a\u0643\u0645\u061f \u0623\u0647\u0644\u0627\u064b\u060c",
              "\u0641\u0627\u0631\u0633\u06cc \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u06f1\u06f2\u06f3"]
    texts += ["\u6771\u4eac\u90fd\u306b\u4f4f\u3093\u3067\u3044\u307e\u3059\u3002", "\u30c7\u30fc\u30bf\u30d9\u30fc\u30b9\u3068\u691c\u7d22",
              "\u4e2d\u83ef\u4eba\u6c11\u5171\u548c\u570b abc\u4e2d\u6587def", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5\uc785\ub2c8\ub2e4.",
              "\u1112\u1161\u11ab jamo", "\uf900\ufa0e compatibility", "\U00020000\U0002a6d6\U0002b740\U0002b820\U0002b920\U0002ceb0 ideographs",
              "\u3400\u4dbf\u4dc0\u9fff\ua000", "\uff26\uff35\uff2c\uff2c width\uff01", "\u3042\u3099 voiced mark"]
    texts += ["\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e04\u0e23\u0e31\u0e1a\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u0939\u093f\u0928\u094d\u0926\u0940 \u0935\u093e\u0915\u094d\u092f\u0964",
              "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u10e5\u10d0\u10e0\u10d7\u10e3\u10da\u10d8 \u1c90\u1c91", "\u1208\u120b\u121d\u1361 \u1230\u120b\u121d",
              "\u13a0\u13e3\u13b3 \uab70", "\u0531\u0582 \u0587 \u0540\u0561\u0575", "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u039f\u0394\u039f\u03a3 \u03c3\u03c2",
              "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0439\u043e\u0434 \u0401\u0436", "\u0130stanbul \u0131\u015f\u0131k I\u0307", "Stra\u00dfe GRO\u1e9e \ufb01nd \u01c5"]
    texts += ["na\u00efve caf\u00e9 r\u00e9sum\u00e9", "nai\u0308ve cafe\u0301", "Z\u0351\u036b\u0343\u036a\u0302a\u034d\u034dl\u030dg\u0300o\u0321!",
              "\u1e69 s\u0323\u0307 s\u0307\u0323", "a\u302e\U0001d165 b\u302e\u1b44", "\u0344 \u0958 \u2adc \ufb1d", "\u212b \u2126 \u00c5ngstr\u00f6m",
              "\u1ea0\u1eb0 Ti\u1ebfng Vi\u1ec7t", "\u07fd\u0898\u1abf newer marks", "\U00011938 \U0001e944\U0001e922"]
    texts += [family, "\U0001F469\U0001F3FD\u200D\U0001F680 launches", "\U0001F1FA\U0001F1F8\U0001F1EB\U0001F1F7 flags", "\u2764\ufe0f vs \u2764",
              "1\ufe0f\u20e3 keycap", "\U0001F600\U0001F601\U0001F602 \U0001F923!!!", "text\U0001F44Dwithout\U0001F44Espaces", "\u00a9\u2122\u00ae \u2190\u2192 \u2211\u222b"]
    texts += ["don't can't we'll O'Neil's", "rock'n'roll \u2018quoted\u2019 \u201ctext\u201d", "e-mail: a.b+c@d.co.uk", "http://example.com/a?b=c&d=%20#e",
              "$1,234.56 \u20ac99 \u00a35 \u20b9100", "3.14159e-10 0xDEADBEEF 1_000", "C++ C# .NET F* ~/x \\n", "`code` ^caret^ |pipe| {brace} <tag>",
              "\u2026\u2014\u2013\u00a1\u00bf\u00ab\u00bb", "\u0964\u061f\u3001\u3002\uff0c\u30fb", "\u166d \U000111c9 \u2e43 \u061d old and new punctuation", "ALL CAPS SHOUTING",
              "MiXeD CaSe TeXt", "tab\tseparated\tvalues\r\nwith\r\nlines", "  leading and trailing  ", "a  b   c    d",
              "lorem" + " " * 5000 + "ipsum", "x" * 50 + " " + "y" * 150 + " z", "0123456789" * 12, "A" * 64 + "==", "aGVsbG8gd29ybGQ" * 40]
    return texts


def all_texts():
    writer = Writer(SEED)
    texts = hard_texts()
    while len(texts) < TEXTS:
        texts.append(writer.text())
    return texts


def normalizer_blocks(tokenizer):
    """Yields a line for each block of code points: its first one and a digest."""
    for first in range(0, 0x110000, 1024):
        digest = hashlib.sha256()
        for code_point in range(first, first + 1024):
            if 0xD800 <= code_point < 0xE000:
                continue
            c = chr(code_point)
            # Alone between letters, after a mark and before one: the marks are of the few that have
            # a combining class and are not stripped.
            text = f"A{c}B \u302e{c} e{c}\U0001d165"
            normalized = tokenizer.normalizer.normalize_str(text)
            for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized):
                digest.update(word.encode() + b"\n")
            digest.update(b"\n")
        yield f"{first:06X} {digest.hexdigest()}\n"


def main():
    model_directory, output = sys.argv[1], pathlib.Path(sys.argv[2])
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    model = SentenceTransformer(model_directory, device="cpu", local_files_only=True)
    texts = all_texts()
    ids, vectors = [], []
    for text in texts:
        features = model.tokenizer(text, truncation=True, max_length=model.max_seq_length)
        ids.append(features["input_ids"])
        vectors.append(model.encode(text, convert_to_numpy=True))
    vectors = numpy.stack(vectors).astype(numpy.float32)
    halves = vectors.astype(numpy.float16)
    rounded = halves.astype(numpy.float64)
    cosines = (vectors * rounded).sum(1) / numpy.linalg.norm(rounded, axis=1)
    print(f"{len(texts)} texts, {sum(map(len, ids))} tokens; "
          f"rounding costs a cosine of at most {1 - cosines.min():.1e}")

    with open(output / "texts.ndjson", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(text, ensure_ascii=True) + "\n" for text in texts)
    with open(output / "token_ids.ndjson", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in ids)
    numpy.save(output / "vectors.f16.npy", halves)
    tokenizer = Tokenizer.from_file(str(pathlib.Path(model_directory) / "tokenizer.json"))
    with open(output / "normalizer_blocks.txt", "w", encoding="utf-8") as file:
        file.writelines(normalizer_blocks(tokenizer))


if __name__ == "__main__":
    main()
