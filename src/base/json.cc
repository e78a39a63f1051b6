#include "base/json.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace lakehouse {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kLinearSearchKeys = 16;

// Walks over the text and leaves its place where the handler of events can see it: the events of
// nlohmann's parser carry no position.
class TrackingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackingIterator(const char* at, const char** cursor) : at_(at), cursor_(cursor) {}
  reference operator*() const { return *at_; }
  TrackingIterator& operator++() {
    *cursor_ = ++at_;
    return *this;
  }
  bool operator==(const TrackingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** cursor_;
};

// Removes what nlohmann adds around the reason: its exception's name, its own position, and the
// input it read last, which may be long or not UTF-8.
std::string ReasonOf(std::string_view what) {
  const size_t name_end = what.find("] ");
  if (name_end != std::string_view::npos) what.remove_prefix(name_end + 2);
  if (what.starts_with("parse error"))
    what.remove_prefix(std::min(what.find(": ") + 2, what.size()));
  for (const std::string_view quoted : {"; last read: ", " parsing '"}) {
    what = what.substr(0, what.find(quoted));
  }
  return std::string(what);
}

// Builds the value from the parser's events. An object's members wait in a list of their own until
// it ends: ordered_json would look through all of them at every insertion.
class Builder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  // `cursor` moves through `text` as the parser reads; both must outlive the builder.
  Builder(std::string_view text, const char* const* cursor) : text_(text), cursor_(cursor) {}

  bool null() { return Add(nullptr); }
  bool boolean(bool value) { return Add(value); }
  bool number_integer(number_integer_t value) { return Add(value); }
  bool number_unsigned(number_unsigned_t value) { return Add(value); }
  bool number_float(number_float_t value, const string_t&) { return Add(value); }
  bool string(string_t& value) { return Add(std::move(value)); }
  bool binary(binary_t&) { return FailAt(LastReadByte(), "binary value"); }

  bool start_object(size_t) { return Open(); }
  bool start_array(size_t) { return Open(); }

  bool key(string_t& name) {
    Frame& frame = open_.back();
    if (!AddKey(frame, name)) {
      return FailAt(LastReadByte(), StrCat("duplicate key ", QuoteForMessage(name)));
    }
    frame.members.emplace_back(std::move(name), nullptr);
    return true;
  }

  bool end_object() {
    Json::object_t object;
    object.reserve(open_.back().members.size());
    for (auto& [name, value] : open_.back().members) {
      object.emplace_back(std::move(name), std::move(value));
    }
    open_.pop_back();
    return Add(std::move(object));
  }

  bool end_array() {
    Json::array_t array = std::move(open_.back().elements);
    open_.pop_back();
    return Add(std::move(array));
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) {
    // The parser counts the byte at which it gave up, also when that is the end.
    return FailAt(position > 0 ? position - 1 : 0, ReasonOf(error.what()));
  }

  // Records the error about the byte at `offset`; returns false, which stops the parser.
  bool FailAt(size_t offset, std::string_view reason) {
    const std::string_view before = text_.substr(0, offset);
    const size_t line_begin = before.rfind('\n') + 1;
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto columns =
        std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(),
                      [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    status_ =
        InvalidArgument("invalid JSON at line ", lines + 1, ", column ", columns + 1, ": ", reason);
    return false;
  }

  const Status& status() const { return status_; }
  Json TakeRoot() { return std::move(root_); }

 private:
  // An object or array that has begun and not ended; only one of the lists is used.
  struct Frame {
    std::vector<std::pair<std::string, Json>> members;
    std::vector<Json> elements;
    std::unordered_set<std::string> keys;  // Filled once a linear search would be slow.
  };

  size_t LastReadByte() const { return static_cast<size_t>(*cursor_ - text_.data()) - 1; }

  bool Open() {
    if (open_.size() == kMaxDepth) {
      return FailAt(LastReadByte(), StrCat("nested deeper than ", kMaxDepth, " levels"));
    }
    open_.emplace_back();
    return true;
  }

  static bool AddKey(Frame& frame, const std::string& name) {
    if (frame.members.size() < kLinearSearchKeys) {
      return std::none_of(frame.members.begin(), frame.members.end(),
                          [&](const auto& member) { return member.first == name; });
    }
    if (frame.keys.empty()) {
      for (const auto& member : frame.members) frame.keys.insert(member.first);
    }
    return frame.keys.insert(name).second;
  }

  bool Add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Frame& frame = open_.back(); !frame.members.empty()) {
      frame.members.back().second = std::move(value);
    } else {
      frame.elements.push_back(std::move(value));
    }
    return true;
  }

  std::string_view text_;
  const char* const* cursor_;
  std::vector<Frame> open_;
  Json root_;
  Status status_;
};

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  const char* cursor = text.data();
  Builder builder(text, &cursor);
  // The parser takes a NUL byte for the end of the input and would ignore what follows it.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    builder.FailAt(nul, "a NUL byte");
    return builder.status();
  }
  const TrackingIterator begin(text.data(), &cursor);
  const TrackingIterator end(text.data() + text.size(), &cursor);
  if (!Json::sax_parse(begin, end, &builder)) return builder.status();
  return builder.TakeRoot();
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void AppendJsonString(std::string& out, std::string_view text) {
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto is_plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
  };
  out.push_back('"');
  while (!text.empty()) {
    const auto run_end = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto run = static_cast<size_t>(run_end - text.begin());
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text[0]);
    size_t consumed = 1;
    if (byte >= 0x80) {
      const size_t length = Utf8SequenceLength(text);
      consumed = std::max<size_t>(length, 1);
      out.append(length > 0 ? text.substr(0, length) : kReplacement);
    } else if (static constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
               kShort.find(text[0]) != std::string_view::npos) {
      out.push_back('\\');
      out.push_back("\"\\bfnrt"[kShort.find(text[0])]);
    } else {
      StrAppend(out, "\\u00", kDigits[byte >> 4], kDigits[byte & 0xF]);
    }
    text.remove_prefix(consumed);
  }
  out.push_back('"');
}

}  // namespace lakehouse
