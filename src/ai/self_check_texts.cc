#include <iterator>

#include "ai/self_check.h"

namespace lakehouse::ai {
namespace {

// Short and middling texts. Every writing system, notation and kind of noise that a table of
// people, jobs and calls may hold is there once.
constexpr const char* kTexts[] = {
    "",
    "a",
    "welder",
    "night-shift nurse who speaks Spanish",
    "The river rose overnight, and by morning the bridge was closed to lorries.",
    "Senior Java developer, Chicago, twelve years of experience; called five times, never placed.",
    "WE ARE HIRING!!! Forklift operators, $24/hour + overtime, start MONDAY.",
    "He didn't say no. He said \u201cnot yet\u201d \u2014 which is different, isn\u2019t it?",
    "na\u00efve caf\u00e9 d\u00e9j\u00e0-vu; Z\u00fcrich, \u00c5rhus, \u0141\u00f3d\u017a, "
    "\u0130stanbul",
    "Die Pr\u00fcfung der Kran\u00adf\u00fchrer findet am Freitag um acht Uhr in Halle 7 statt.",
    "L'infirmi\u00e8re de nuit est partie \u00e0 l'h\u00f4pital avant l'aube.",
    "\u00bfD\u00f3nde est\u00e1 la enfermera de guardia? Trabaja de noche en Sevilla.",
    "N\u01b0\u1edbc s\u00f4ng d\u00e2ng cao trong \u0111\u00eam.",
    "\u041c\u0435\u0434\u0441\u0435\u0441\u0442\u0440\u0430 "
    "\u0440\u0430\u0431\u043e\u0442\u0430\u0435\u0442 "
    "\u043d\u043e\u0447\u044c\u044e \u0432 \u0431\u043e\u043b\u044c\u043d\u0438\u0446\u0435.",
    "\u0397 \u03bd\u03bf\u03c3\u03bf\u03ba\u03cc\u03bc\u03b1 "
    "\u03b5\u03c1\u03b3\u03ac\u03b6\u03b5\u03c4\u03b1\u03b9 "
    "\u03c4\u03b7 \u03bd\u03cd\u03c7\u03c4\u03b1.",
    "\uac04\ud638\uc0ac\ub294 \ubc24\uc5d0 \ubcd1\uc6d0\uc5d0\uc11c \uc77c\ud569\ub2c8\ub2e4",
    "\u591c\u73ed\u62a4\u58eb\u5728\u533b\u9662\u5de5\u4f5c\u3002",
    "\u591c\u52e4\u306e\u770b\u8b77\u5e2b\u306f\u75c5\u9662\u3067\u50cd\u304f\u30ab\u30bf\u30ab"
    "\u30ca",
    "\u062a\u0639\u0645\u0644 \u0627\u0644\u0645\u0645\u0631\u0636\u0629 "
    "\u0644\u064a\u0644\u0627\u064b "
    "\u0641\u064a \u0627\u0644\u0645\u0633\u062a\u0634\u0641\u0649",
    "\u05d0\u05d7\u05d5\u05ea \u05dc\u05d9\u05dc\u05d4 \u05d1\u05d1\u05d9\u05ea "
    "\u05d7\u05d5\u05dc\u05d9\u05dd",
    "\u0e1e\u0e22\u0e32\u0e1a\u0e32\u0e25\u0e17\u0e33\u0e07\u0e32\u0e19\u0e01\u0e25\u0e32\u0e07"
    "\u0e04\u0e37\u0e19",
    "\u0930\u093e\u0924 \u0915\u0940 \u0928\u0930\u094d\u0938 "
    "\u0905\u0938\u094d\u092a\u0924\u093e\u0932 "
    "\u092e\u0947\u0902 \u0939\u0948",
    "\U0001F600\U0001F680 done \u2705\u2705 \U0001F468\u200D\U0001F469\u200D\U0001F467 "
    "\u2764\uFE0F",
    "int main() { for (size_t i = 0; i < n; ++i) sum += a[i] * b[i]; return 0; }",
    "SELECT name, count(*) FROM calls WHERE placed = false GROUP BY 1 HAVING count(*) > 5;",
    "{\"id\": 4711, \"tags\": [\"icu\", \"night\"], \"rate\": 38.5, \"note\": null}",
    "$ + < = > ` | ~ ^ % # @ \\ / * & !",
    "0 1 -17 3.14159 1e-9 0x7fff 1,234,567.89 2026-11-23T17:25:17Z +1 (312) 555-0147",
    "https://example.com/jobs/4711?ref=mail&lang=en#apply \u00b7 anna.lee@example.org",
    "E = mc\u00b2, \u2207\u00d7B = \u03bc\u2080J, \u2200x\u2208\u211d: x\u00b2 \u2265 0, 5 \u20ac "
    "\u2248 \u00a34.20",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the the the the the the the the the the the the the the",
    "not good, not bad, not anything at all",
    "Re: Fwd: RE: invoice\t#0042\r\n> overdue\r\n>> please pay",
    "[CLS] [SEP] [MASK] [PAD] [UNK] <s> </s>",
    "yes",
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
