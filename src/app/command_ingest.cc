#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>

#include "app/commands.h"
#include "app/terminal.h"
#include "net/multipart.h"

namespace lakehouse::app {

namespace {

namespace fs = std::filesystem;

// Reads a stream and reports how many bytes have left.
class ReportingSource : public ByteSource {
 public:
  ReportingSource(std::istream& stream, std::function<void(uint64_t sent)> report)
      : stream_(stream), report_(std::move(report)) {}

  Result<size_t> Read(std::span<char> buffer) override {
    stream_.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto got = static_cast<size_t>(stream_.gcount());
    if (got == 0 && stream_.bad()) return Internal("the input cannot be read");
    sent_ += got;
    report_(sent_);
    return got;
  }

 private:
  std::istream& stream_;
  std::function<void(uint64_t)> report_;
  uint64_t sent_ = 0;
};

struct Input {
  std::string path;  // "" for standard input.
  std::string name;
  int64_t size_bytes = -1;
};

// Replaces directories by the regular files directly in them, sorted; hidden ones are passed over.
Result<std::vector<Input>> ExpandInputs(const std::vector<std::string>& arguments) {
  std::vector<Input> inputs;
  const auto add_file = [&inputs](const fs::path& path) {
    std::error_code ignored;
    inputs.push_back({path.string(), path.filename().string(),
                      static_cast<int64_t>(fs::file_size(path, ignored))});
  };
  for (const std::string& argument : arguments) {
    std::error_code error;
    if (argument == "-") {
      inputs.push_back({"", "stdin", -1});
    } else if (fs::is_directory(argument, error)) {
      std::vector<fs::path> files;
      for (const auto& entry : fs::directory_iterator(argument, error)) {
        const bool hidden = entry.path().filename().string().starts_with('.');
        if (entry.is_regular_file(error) && !hidden) files.push_back(entry.path());
      }
      if (files.empty()) return NotFound("the directory holds no files: ", argument);
      std::sort(files.begin(), files.end());
      for (const fs::path& file : files) add_file(file);
    } else if (fs::is_regular_file(argument, error)) {
      add_file(argument);
    } else {
      return NotFound("there is no such file or directory: ", argument);
    }
  }
  return inputs;
}

Result<Json> Upload(const CommandContext& context, ApiClient& client, const IngestOptions& options,
                    const std::string& mode, const Input& input) {
  std::ifstream file;
  if (!input.path.empty()) {
    file.open(input.path, std::ios::binary);
    if (!file) return InvalidArgument("the file cannot be opened: ", input.path);
  }
  std::istream& stream = input.path.empty() ? std::cin : file;
  ProgressLine progress(context.quiet, "sending " + input.name);
  const auto total = static_cast<uint64_t>(std::max<int64_t>(input.size_bytes, 0));
  auto source = std::make_unique<ReportingSource>(stream, [&](uint64_t sent) {
    progress.Update(sent, total, sent == total ? "converting" : FormatBytes(sent));
  });
  std::vector<net::FormField> fields = {{"mode", mode}};
  if (!options.dataset.empty()) fields.push_back({"dataset", options.dataset});
  auto form = std::make_unique<net::MultipartForm>(
      fields,
      net::MultipartForm::File{
          .file_name = input.name, .content = std::move(source), .size_bytes = input.size_bytes});
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = "/ingest/file";
  call.content_type = form->content_type();
  call.body_size = form->size_bytes();
  if (!options.bucket.empty()) call.headers.Set("X-Lakehouse-Bucket", options.bucket);
  call.body = std::move(form);
  return CallApi(context, client, std::move(call));
}

std::string PiiText(const Json& column) {
  if (!column.contains("pii") || column["pii"].empty()) return "";
  std::vector<std::string> kinds;
  for (const Json& kind : column["pii"]) kinds.push_back(kind);
  return StrCat("  (looks like ", JoinStrings(kinds, ", "), ")");
}

void PrintAnswer(const Json& answer) {
  const std::string dataset = answer.value("dataset", "");
  if (answer.value("unchanged", false)) {
    std::printf("%s: these bytes are there already, nothing was done\n", dataset.c_str());
    return;
  }
  const uint64_t rows = answer.value("rows", uint64_t{0});
  const double seconds = answer.value("seconds", 0.0);
  std::printf("%s: %s rows (%s, %s, %s) in bucket %s, %.2f s", dataset.c_str(),
              FormatCount(rows).c_str(), answer.value("format", "").c_str(),
              answer.value("encoding", "").c_str(),
              FormatBytes(answer.value("bytes", uint64_t{0})).c_str(),
              answer.value("bucket", "").c_str(), seconds);
  if (seconds > 0) {
    const auto rate = static_cast<uint64_t>(static_cast<double>(rows) / seconds);
    std::printf(", %s rows/s", FormatCount(rate).c_str());
  }
  std::printf("\n");
  for (const Json& column : answer["columns"]) {
    std::printf("  %-24s %s%s\n", column.value("name", "").c_str(),
                column.value("type", "").c_str(), PiiText(column).c_str());
  }
}

// Says what was left out and keeps it where the user asked.
Status HandleRejected(const CommandContext& context, const Json& answer,
                      std::ostream* reject_file) {
  const uint64_t count = answer.value("rows_rejected", uint64_t{0});
  if (count == 0 || !answer.contains("rejected")) return OkStatus();
  const Json& rows = answer["rejected"];
  context.Remark(StrCat(FormatCount(count), " rows were rejected",
                        reject_file == nullptr ? "; --reject-file FILE keeps them" : ""));
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i < kShown) {
      context.Remark(
          StrCat("  line ", rows[i].value("line", uint64_t{0}), ": ", rows[i].value("reason", "")));
    }
    if (reject_file != nullptr) *reject_file << rows[i].value("text", "") << '\n';
  }
  if (reject_file == nullptr) return OkStatus();
  if (rows.size() < count) {
    context.Remark(StrCat("the reject file holds the first ", rows.size(), " of them"));
  }
  reject_file->flush();
  return *reject_file ? OkStatus() : Internal("the reject file cannot be written");
}

}  // namespace

Status RunIngest(const CommandContext& context, const IngestOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<Input> inputs, ExpandInputs(options.inputs));
  std::ofstream reject_file;
  if (!options.reject_file.empty()) {
    reject_file.open(options.reject_file, std::ios::binary | std::ios::trunc);
    if (!reject_file)
      return InvalidArgument("the reject file cannot be opened: ", options.reject_file);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  std::string mode = options.mode;
  for (const Input& input : inputs) {
    ASSIGN_OR_RETURN(const Json answer, Upload(context, *client, options, mode, input));
    if (!context.json) PrintAnswer(answer);
    TRY(HandleRejected(context, answer, reject_file.is_open() ? &reject_file : nullptr));
    // The files of one dataset follow each other; only the first may create or replace it.
    if (!options.dataset.empty()) mode = "append";
  }
  return OkStatus();
}

}  // namespace lakehouse::app
