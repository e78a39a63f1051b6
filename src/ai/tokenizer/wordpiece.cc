#include "ai/tokenizer/wordpiece.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace lakehouse::ai {
namespace {

// FNV-1a, so that the hash of each prefix comes out on the way to the whole.
constexpr uint64_t kHashSeed = 0xCBF29CE484222325;

uint64_t Extend(uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
}

// FNV leaves its low bits weak; slots are chosen from mixed ones.
size_t SlotOf(uint64_t hash) { return static_cast<size_t>(hash ^ hash >> 32); }

bool IsContinuationByte(char byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

uint64_t WordPiece::Hash(std::string_view text) {
  uint64_t hash = kHashSeed;
  for (const char byte : text) hash = Extend(hash, byte);
  return hash;
}

Result<WordPiece> WordPiece::Build(const std::vector<Entry>& vocabulary,
                                   const WordPieceOptions& options) {
  if (vocabulary.empty()) return InvalidArgument("the vocabulary is empty");
  WordPiece result;
  result.max_word_characters_ = options.max_word_characters;
  const std::string& prefix = options.continuing_prefix;
  const auto continues = [&](std::string_view token) {
    return token.size() > prefix.size() && token.starts_with(prefix);
  };
  size_t bytes = 0;
  size_t pieces = 0;
  for (const auto& [token, id] : vocabulary) {
    bytes += 2 * token.size();
    pieces += continues(token) ? 2 : 1;
  }
  if (bytes > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return InvalidArgument("the vocabulary is larger than 1 GiB");
  }
  result.text_.reserve(bytes);
  result.slots_.resize(std::bit_ceil(pieces + pieces / 3 + 1));

  for (const auto& [token, id] : vocabulary) {
    if (id < 0) return InvalidArgument("a token has a negative id: ", token);
    TRY(result.Insert(token, false, id));
    if (continues(token)) {
      TRY(result.Insert(std::string_view(token).substr(prefix.size()), true, id));
    }
    result.id_bound_ = std::max(result.id_bound_, static_cast<size_t>(id) + 1);
  }
  result.unknown_id_ = result.Find(options.unknown_token);
  if (result.unknown_id_ < 0) {
    return InvalidArgument("the vocabulary lacks the unknown token ", options.unknown_token);
  }
  return result;
}

Status WordPiece::Insert(std::string_view piece, bool continuing, int32_t id) {
  const uint64_t hash = Hash(piece);
  if (Lookup(piece, hash, continuing) >= 0) {
    return InvalidArgument("the vocabulary has a token twice: ", piece);
  }
  const size_t mask = slots_.size() - 1;
  size_t i = SlotOf(hash) & mask;
  while (slots_[i].id >= 0) i = (i + 1) & mask;
  slots_[i] = {.hash = static_cast<uint32_t>(hash),
               .offset = static_cast<uint32_t>(text_.size()),
               .length = static_cast<uint32_t>(piece.size()) & 0x7FFFFFFF,
               .continuing = continuing,
               .id = id};
  text_ += piece;
  longest_piece_ = std::max(longest_piece_, piece.size());
  return OkStatus();
}

int32_t WordPiece::Lookup(std::string_view piece, uint64_t hash, bool continuing) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = SlotOf(hash) & mask; slots_[i].id >= 0; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.hash == static_cast<uint32_t>(hash) && slot.continuing == (continuing ? 1 : 0) &&
        slot.length == piece.size() && text_.compare(slot.offset, slot.length, piece) == 0) {
      return slot.id;
    }
  }
  return -1;
}

WordPiece::Match WordPiece::LongestMatch(std::string_view rest, bool continuing) const {
  Match match;
  uint64_t hash = kHashSeed;
  const size_t limit = std::min(rest.size(), longest_piece_);
  for (size_t end = 1; end <= limit; ++end) {
    hash = Extend(hash, rest[end - 1]);
    if (end < rest.size() && IsContinuationByte(rest[end])) continue;
    const int32_t id = Lookup(rest.substr(0, end), hash, continuing);
    if (id >= 0) match = {end, id};
  }
  return match;
}

size_t WordPiece::Split(std::string_view word, size_t characters, std::vector<int32_t>* ids) const {
  const auto unknown = [&] {
    if (ids != nullptr) ids->push_back(unknown_id_);
    return size_t{1};
  };
  if (characters > max_word_characters_) return unknown();
  // Most words are one piece.
  if (word.size() <= longest_piece_) {
    const int32_t id = Find(word);
    if (id >= 0) {
      if (ids != nullptr) ids->push_back(id);
      return 1;
    }
  }
  const size_t ids_before = ids != nullptr ? ids->size() : 0;
  size_t count = 0;
  for (size_t begin = 0; begin < word.size(); ++count) {
    const Match match = LongestMatch(word.substr(begin), begin > 0);
    if (match.length == 0) {
      if (ids != nullptr) ids->resize(ids_before);
      return unknown();
    }
    if (ids != nullptr) ids->push_back(match.id);
    begin += match.length;
  }
  return count;
}

}  // namespace lakehouse::ai
