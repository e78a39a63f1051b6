#include "ingest/staged_table.h"

#include "base/strings.h"
#include "ingest/text_cut.h"

namespace lakehouse::ingest {

void Rejects::Add(uint64_t line, std::string reason, std::string_view text) {
  ++count;
  if (first.size() >= kMaxKeptRejects) return;
  first.push_back({line, std::move(reason), std::string(CutText(text, kMaxRejectBytes))});
}

Status CheckRejects(const Rejects& rejects, uint64_t good_rows) {
  if (rejects.count == 0 || rejects.count <= good_rows) return OkStatus();
  const RejectedRow& row = rejects.first.front();
  return InvalidArgument("most rows cannot be read: ", rejects.count, " of ",
                         rejects.count + good_rows, "; the first is line ", row.line, ": ",
                         row.reason);
}

}  // namespace lakehouse::ingest
