#include <iterator>

#include "ai/self_check.h"

namespace lakehouse::ai {
namespace {

// Short and middling texts. Every writing system, notation and kind of noise that a table of
// people, jobs and calls may hold is there once.
constexpr const char* kTexts[] = {
    "",
    "a",
    "yes",
    "welder",
    "night-shift nurse who speaks Spanish",
    "The river rose overnight, and the bridge was closed to lorries.",
    "Senior Java developer, Chicago; called five times, never placed.",
    "WE ARE HIRING!!! $24/hour + overtime",
    "He didn\u2019t say \u201cno\u201d \u2014 or did he?",
    "na\u00efve caf\u00e9 d\u00e9j\u00e0-vu, Z\u00fcrich, \u0141\u00f3d\u017a",
    "Die Pr\u00fcfung der Kran\u00adf\u00fchrer ist am Freitag.",
    "L'infirmi\u00e8re est partie \u00e0 l'h\u00f4pital.",
    "\u00bfD\u00f3nde est\u00e1 la enfermera?",
    "N\u01b0\u1edbc s\u00f4ng d\u00e2ng cao",
    "\u041c\u0435\u0434\u0441\u0435\u0441\u0442\u0440\u0430 \u0432 "
    "\u0433\u043e\u0440\u043e\u0434\u0435",
    "\u0397 \u03bd\u03cd\u03c7\u03c4\u03b1",
    "\uac04\ud638\uc0ac\ub294 \ubc24\uc5d0",
    "\u591c\u73ed\u62a4\u58eb\u5728\u533b\u9662\u5de5\u4f5c\u3002",
    "\u591c\u52e4\u306e\u770b\u8b77\u5e2b\u30ab\u30bf\u30ab\u30ca",
    "\u062a\u0639\u0645\u0644 \u0627\u0644\u0645\u0645\u0631\u0636\u0629 "
    "\u0644\u064a\u0644\u0627\u064b",
    "\u05d0\u05d7\u05d5\u05ea \u05dc\u05d9\u05dc\u05d4",
    "\u0e1e\u0e22\u0e32\u0e1a\u0e32\u0e25\u0e01\u0e25\u0e32\u0e07\u0e04\u0e37\u0e19",
    "\u0930\u093e\u0924 \u0915\u0940 \u0928\u0930\u094d\u0938",
    "\U0001F600\U0001F680 done \u2705 \U0001F468\u200d\U0001F469\u200d\U0001F467 \u2764\ufe0f",
    "for (size_t i = 0; i < n; ++i) sum += a[i];",
    "SELECT name FROM calls GROUP BY 1;",
    "{\"id\": 4711, \"rate\": 38.5, \"note\": null}",
    "$ + < = > ` | ~ ^ % # @ \\ / * & !",
    "0 -17 3.14159 1e-9 0x7fff 2026-11-23T17:25Z",
    "https://example.com/jobs/4711?ref=mail#apply",
    "E = mc\u00b2, \u2200x\u2208\u211d: x \u2265 0, 5 \u20ac",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the the the the the the the the the the the",
    "........................................",
    "x yx yx yx yx yx",
    "not good, not bad, not anything at all",
    "Re: Fwd: RE: invoice\t#0042\r\n> overdue",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
};

// What the longest text repeats, in another order of sentences each time.
constexpr const char* kSentences[] = {
    "The applicant led a team of six nurses on the night shift of a large city hospital. ",
    "Her references praise calm judgement, exact records and patience with new colleagues. ",
    "In 2019 she moved to a clinic by the river, where she set up the training of volunteers. ",
    "Salary expectations: 62,000 a year; available from the first of March; no relocation. ",
    "A second call in April went unanswered, and the position was filled by another agency. ",
};

}  // namespace

std::vector<std::string> SelfCheckTexts(size_t longest_words) {
  std::vector<std::string> texts(std::begin(kTexts), std::end(kTexts));
  // A sentence has more than ten words.
  constexpr size_t kWordsOfASentence = 10;
  std::string longest;
  for (size_t i = 0; i * kWordsOfASentence < longest_words; ++i) {
    longest += kSentences[(i + i / std::size(kSentences)) % std::size(kSentences)];
  }
  texts.push_back(std::move(longest));
  return texts;
}

}  // namespace lakehouse::ai
