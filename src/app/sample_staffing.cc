#include "app/sample_staffing.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include "app/sample_vocabulary.h"
#include "base/clock.h"
#include "base/rng.h"

namespace lakehouse::app {

namespace {

constexpr int64_t kFirstDay = 19'723;  // 2024-01-01, in days since 1970-01-01.
constexpr int64_t kDays = 700;
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kSecondsPerDay = 86'400;

// Every n-th candidate is a Java developer in Chicago whom everybody calls and nobody places.
constexpr int64_t kOverlookedEvery = 400;

template <typename T>
const T& Pick(Rng& rng, std::span<const T> items) {
  return items[rng.Below(items.size())];
}
template <typename T>
const T& Pick(Rng& rng, const std::vector<T>& items) {
  return Pick(rng, std::span<const T>(items));
}

int64_t Between(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(high - low + 1)));
}

std::string DateText(int64_t day) {
  return FormatTimestamp({day * kSecondsPerDay * kMicrosPerSecond}).substr(0, 10);
}

// A working hour of that day, as "2025-03-01 09:12:44".
std::string TimeText(Rng& rng, int64_t day) {
  const int64_t second = Between(rng, 8 * 3600, 18 * 3600);
  std::string text =
      FormatTimestamp({(day * kSecondsPerDay + second) * kMicrosPerSecond}).substr(0, 19);
  text[10] = ' ';
  return text;
}

std::string MoneyText(double dollars) {
  const auto cents = static_cast<int64_t>(std::llround(dollars * 100));
  const int64_t rest = cents % 100;
  return StrCat(cents / 100, rest < 10 ? ".0" : ".", rest);
}

// Lower-case letters and digits only: "O'Brien" gives "obrien"; other bytes are left out.
std::string MailText(std::string_view name) {
  std::string out;
  for (const char c : ToLowerAscii(name)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out.push_back(c);
  }
  return out;
}

// Text and rows are built with braces, which fix the order of evaluation: every draw from the
// generator happens in the order in which it is written, whatever the compiler.
struct Text {
  template <typename... Pieces>
  explicit Text(const Pieces&... pieces) : value(StrCat(pieces...)) {}
  std::string value;
};
struct CsvRow {
  template <typename... Fields>
  explicit CsvRow(const Fields&... values) : fields{StrCat(values)...} {}
  std::vector<std::string> fields;
};

// Writes one CSV file. The first error is kept and answered by Close.
class CsvFile {
 public:
  CsvFile(const std::string& directory, std::string_view name, std::string_view header)
      : path_(StrCat(directory, "/", name, ".csv")),
        file_(std::fopen(path_.c_str(), "wb"), std::fclose) {
    buffer_ = StrCat(header, "\n");
  }

  void Add(const CsvRow& row) {
    for (const std::string& field : row.fields) Field(field);
    buffer_.back() = '\n';
    ++rows_;
    if (buffer_.size() > (1U << 20)) Flush();
  }

  Result<SampleFile> Close() {
    Flush();
    if (file_ == nullptr || failed_ || std::fflush(file_.get()) != 0) {
      return Internal("the sample file cannot be written: ", path_, ": ", std::strerror(errno));
    }
    return SampleFile{path_, rows_, size_bytes_};
  }

 private:
  void Field(std::string_view text) {
    if (text.find_first_of(",\"\n") == std::string_view::npos) {
      StrAppend(buffer_, text, ",");
      return;
    }
    buffer_.push_back('"');
    for (const char c : text) {
      if (c == '"') buffer_.push_back('"');
      buffer_.push_back(c);
    }
    buffer_.append("\",");
  }

  void Flush() {
    if (file_ == nullptr) return;
    if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_.get()) != buffer_.size())
      failed_ = true;
    size_bytes_ += buffer_.size();
    buffer_.clear();
  }

  const std::string path_;
  std::unique_ptr<FILE, int (*)(FILE*)> file_;
  std::string buffer_;
  uint64_t rows_ = 0;
  uint64_t size_bytes_ = 0;
  bool failed_ = false;
};

// What later files need to know of a candidate.
struct Candidate {
  uint8_t trade = 0;
  uint8_t first_name = 0;
  bool overlooked = false;
  bool placed = false;
};

class StaffingWriter {
 public:
  explicit StaffingWriter(const SampleOptions& options) : options_(options), rng_(options.seed) {}

  Result<std::vector<SampleFile>> Write() {
    TRY(WriteClients());
    TRY(WriteJobs());
    TRY(WriteCandidates());
    TRY(WritePlacements());
    TRY(WriteCalls());
    TRY(WriteEmails());
    return files_;
  }

 private:
  Status Finish(CsvFile& file) {
    ASSIGN_OR_RETURN(SampleFile written, file.Close());
    files_.push_back(std::move(written));
    return OkStatus();
  }

  std::string SkillList(const Trade& trade) {
    std::string skills(trade.skills[0]);
    for (size_t i = 1; i < trade.skills.size(); ++i) {
      if (rng_.Below(2) == 0) StrAppend(skills, ";", trade.skills[i]);
    }
    return skills;
  }

  std::string Resume(const Trade& trade, std::string_view title, int64_t years) {
    std::string text =
        StrCat(Pick(rng_, trade.openings), " ", years, " years of experience as a ", title, ".");
    const size_t start = rng_.Below(trade.experiences.size());
    const size_t count = 2 + rng_.Below(trade.experiences.size() - 1);
    for (size_t i = 0; i < count; ++i) {
      StrAppend(text, " ", trade.experiences[(start + i) % trade.experiences.size()]);
    }
    StrAppend(text, "\n\n", Pick(rng_, trade.credentials));
    if (rng_.Below(3) == 0) StrAppend(text, " ", Pick(rng_, LanguageSentences()));
    if (rng_.Below(2) == 0) StrAppend(text, " ", Pick(rng_, ShiftSentences()));
    StrAppend(text, " ", Pick(rng_, ClosingSentences()));
    return text;
  }

  Status WriteClients() {
    CsvFile file(options_.directory, "clients",
                 "id,name,industry,city,state,website,account_manager,since");
    clients_ = options_.candidates / 40 + 5;
    for (int64_t id = 1; id <= clients_; ++id) {
      const std::string name =
          Text{Pick(rng_, CompanyStems()), " ", Pick(rng_, CompanyEndings())}.value;
      const City& city = Pick(rng_, Cities());
      file.Add(CsvRow{id, name, Pick(rng_, Trades()).industry, city.name, city.state,
                      StrCat("https://", MailText(name), ".example"), Pick(rng_, Recruiters()),
                      DateText(kFirstDay - Between(rng_, 30, 3'000))});
    }
    return Finish(file);
  }

  Status WriteJobs() {
    CsvFile file(options_.directory, "jobs",
                 "id,client_id,title,skills,city,state,shift,bill_rate,pay_rate,openings,opened_on,"
                 "closed_on,status,description");
    constexpr std::string_view kShifts[] = {"day", "evening", "night", "weekend"};
    jobs_ = options_.candidates / 8 + 10;
    for (int64_t id = 1; id <= jobs_; ++id) {
      const Trade& trade = Pick(rng_, Trades());
      const City& city = Pick(rng_, Cities());
      const std::string_view title = Pick(rng_, trade.titles);
      const std::string_view shift = kShifts[rng_.Below(4)];
      const double pay = trade.low_rate + rng_.NextDouble() * (trade.high_rate - trade.low_rate);
      const int64_t opened = kFirstDay + Between(rng_, 0, kDays - 60);
      const uint64_t fate = rng_.Below(10);
      const std::string closed = fate < 3 ? "" : DateText(opened + Between(rng_, 5, 60));
      file.Add(CsvRow{
          id, Between(rng_, 1, clients_), title, SkillList(trade), city.name, city.state, shift,
          MoneyText(pay * 1.35), MoneyText(pay), Between(rng_, 1, 6), DateText(opened), closed,
          fate < 3 ? "open" : (fate < 9 ? "filled" : "cancelled"),
          Text{"We are looking for a ", title, " in ", city.name, " for the ", shift, " shift. ",
               Pick(rng_, trade.experiences), " Required: ", Pick(rng_, trade.credentials)}
              .value});
    }
    return Finish(file);
  }

  Status WriteCandidates() {
    CsvFile file(options_.directory, "candidates",
                 "id,first_name,last_name,email,phone,city,state,zip,title,skills,years_experience,"
                 "desired_rate,available_from,status,created_at,resume");
    candidates_.resize(static_cast<size_t>(options_.candidates));
    for (int64_t id = 1; id <= options_.candidates; ++id) {
      Candidate& candidate = candidates_[static_cast<size_t>(id - 1)];
      candidate.overlooked = id % kOverlookedEvery == 7;
      candidate.trade =
          candidate.overlooked ? 0 : static_cast<uint8_t>(rng_.Below(Trades().size()));
      candidate.first_name = static_cast<uint8_t>(rng_.Below(FirstNames().size()));
      candidate.placed = !candidate.overlooked && rng_.Below(6) == 0;
      WriteCandidate(file, id, candidate);
    }
    return Finish(file);
  }

  void WriteCandidate(CsvFile& file, int64_t id, const Candidate& candidate) {
    const Trade& trade = Trades()[candidate.trade];
    const City& city = candidate.overlooked ? Cities()[0] : Pick(rng_, Cities());
    const std::string_view first = FirstNames()[candidate.first_name];
    const std::string_view last = Pick(rng_, LastNames());
    const std::string_view title = Pick(rng_, trade.titles);
    const int64_t years = Between(rng_, 1, 25);
    const double rate =
        trade.low_rate + (trade.high_rate - trade.low_rate) *
                             (static_cast<double>(years) / 30 + rng_.NextDouble() / 6);
    const uint64_t zip_tail = rng_.Below(100);
    const uint64_t line = rng_.Below(100);
    file.Add(CsvRow{
        id, first, last, StrCat(MailText(first), ".", MailText(last), id, "@example.com"),
        StrCat("(", city.area_code, ") 555-01", line < 10 ? "0" : "", line), city.name, city.state,
        StrCat(city.zip_prefix, zip_tail < 10 ? "0" : "", zip_tail), title, SkillList(trade), years,
        MoneyText(rate), DateText(kFirstDay + kDays + Between(rng_, -60, 90)),
        candidate.placed ? "placed" : (rng_.Below(8) == 0 ? "inactive" : "active"),
        TimeText(rng_, kFirstDay + Between(rng_, 0, kDays - 100)), Resume(trade, title, years)});
  }

  // Timesheets follow their placement, so both files are written together.
  Status WritePlacements() {
    CsvFile placements(options_.directory, "placements",
                       "id,candidate_id,job_id,start_date,end_date,pay_rate,bill_rate,status");
    CsvFile timesheets(options_.directory, "timesheets",
                       "id,placement_id,week_ending,regular_hours,overtime_hours,approved");
    int64_t placement_id = 0;
    int64_t timesheet_id = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (!candidates_[i].placed) continue;
      const Trade& trade = Trades()[candidates_[i].trade];
      const double pay = trade.low_rate + rng_.NextDouble() * (trade.high_rate - trade.low_rate);
      const int64_t weeks = Between(rng_, 2, 9);
      const int64_t start = kFirstDay + Between(rng_, 0, kDays - 100);
      const uint64_t fate = rng_.Below(10);
      placements.Add(CsvRow{++placement_id, i + 1, Between(rng_, 1, jobs_), DateText(start),
                            fate < 4 ? "" : DateText(start + weeks * 7), MoneyText(pay),
                            MoneyText(pay * 1.35),
                            fate < 4 ? "active" : (fate < 9 ? "ended" : "terminated")});
      for (int64_t week = 1; week <= weeks; ++week) {
        timesheets.Add(
            CsvRow{++timesheet_id, placement_id, DateText(start + week * 7),
                   MoneyText(static_cast<double>(Between(rng_, 24, 40))),
                   MoneyText(rng_.Below(4) == 0 ? static_cast<double>(Between(rng_, 1, 12)) : 0),
                   rng_.Below(12) != 0});
      }
    }
    TRY(Finish(placements));
    return Finish(timesheets);
  }

  Status WriteCalls() {
    CsvFile file(options_.directory, "calls",
                 "id,candidate_id,recruiter,called_at,duration_seconds,outcome,notes");
    constexpr std::string_view kOutcomes[] = {"connected", "voicemail", "no_answer", "wrong_number",
                                              "callback"};
    constexpr std::string_view kNotes[] = {"Talked about the open positions and pay.",
                                           "Left a message.", "Nobody picked up.",
                                           "Number belongs to somebody else.",
                                           "Asked to be called back after work, \"maybe Friday\"."};
    int64_t id = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      const int64_t count = candidates_[i].overlooked ? Between(rng_, 5, 9) : Between(rng_, 0, 6);
      for (int64_t call = 0; call < count; ++call) {
        const size_t outcome = rng_.Below(5);
        file.Add(CsvRow{++id, i + 1, Pick(rng_, Recruiters()),
                        TimeText(rng_, kFirstDay + Between(rng_, 100, kDays)),
                        outcome == 0 ? Between(rng_, 60, 1'500) : Between(rng_, 0, 45),
                        kOutcomes[outcome], kNotes[outcome]});
      }
    }
    return Finish(file);
  }

  Status WriteEmails() {
    CsvFile file(options_.directory, "emails",
                 "id,candidate_id,recruiter,sent_at,direction,subject,body");
    int64_t id = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      const Trade& trade = Trades()[candidates_[i].trade];
      const int64_t count = Between(rng_, 0, 4);
      for (int64_t mail = 0; mail < count; ++mail) {
        const bool outbound = rng_.Below(3) != 0;
        const std::string_view title = Pick(rng_, trade.titles);
        const std::string_view recruiter = Pick(rng_, Recruiters());
        const std::string_view first = FirstNames()[candidates_[i].first_name];
        file.Add(
            CsvRow{++id, i + 1, recruiter, TimeText(rng_, kFirstDay + Between(rng_, 100, kDays)),
                   outbound ? "outbound" : "inbound",
                   outbound ? StrCat("New opening: ", title) : StrCat("Re: New opening: ", title),
                   outbound ? StrCat("Hi ", first, ",\nwe have an opening for a ", title,
                                     ". Are you interested?\n", recruiter)
                            : Text{"Hello ", recruiter, ",\n", Pick(rng_, ShiftSentences()), " ",
                                   Pick(rng_, ClosingSentences()), "\n", first}
                                  .value});
      }
    }
    return Finish(file);
  }

  const SampleOptions& options_;
  Rng rng_;
  int64_t clients_ = 0;
  int64_t jobs_ = 0;
  std::vector<Candidate> candidates_;
  std::vector<SampleFile> files_;
};

}  // namespace

Result<std::vector<SampleFile>> WriteStaffingSample(const SampleOptions& options) {
  if (options.candidates < 1 || options.candidates > 10'000'000) {
    return InvalidArgument("the number of candidates is 1 to 10000000, not: ", options.candidates);
  }
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) {
    return InvalidArgument("the sample directory cannot be created: ", options.directory, ": ",
                           error.message());
  }
  return StaffingWriter(options).Write();
}

}  // namespace lakehouse::app
