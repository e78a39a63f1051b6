"""Real English texts: the glosses of WordNet, of Debian's wordnet-base."""

import os
import random

WORDNET = "/usr/share/wordnet"


def read_glosses(limit, seed):
    """Returns `limit` distinct glosses, chosen by seed."""
    glosses = []
    for name in ("noun", "verb", "adj", "adv"):
        with open(os.path.join(WORDNET, f"data.{name}"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.startswith("  ") and "| " in line:
                    glosses.append(line.split("| ", 1)[1].strip())
    glosses = sorted(set(glosses))
    random.Random(seed).shuffle(glosses)
    return glosses[:limit]
