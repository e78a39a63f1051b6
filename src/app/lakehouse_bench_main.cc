#include <cstdio>
#include <functional>

#include <CLI/CLI.hpp>

#include "app/bench.h"
#include "app/exit_code.h"

namespace {

using lakehouse::Json;
using lakehouse::Result;

int Print(const Result<Json>& answer, bool compact) {
  if (!answer.ok()) {
    std::fprintf(stderr, "lakehouse-bench: %s\n", answer.status().message().c_str());
    return lakehouse::app::ExitCodeFor(answer.status().code());
  }
  std::printf("%s\n", compact ? lakehouse::DumpJson(*answer).c_str() : answer->dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs the benchmarks of Lakehouse on data from outside.", "lakehouse-bench");
  app.require_subcommand(1);
  app.fallthrough();
  bool compact = false;
  app.add_flag("--json", compact, "Print the answer on one line");
  std::function<Result<Json>()> run;

  lakehouse::app::BenchSqlOptions sql;
  CLI::App* sql_command = app.add_subcommand("sql", "SQL over HTTP beside plain DuckDB");
  sql_command->add_option("--file", sql.sql_file, "Statements separated by ;")->required();
  sql_command->add_option("--data", sql.data_dir, "Data directory that nobody serves")->required();
  sql_command->add_option("--runs", sql.runs, "Hot runs of each statement")
      ->check(CLI::Range(1, 1000));
  sql_command->callback([&] { run = [&] { return lakehouse::app::BenchSql(sql); }; });

  lakehouse::app::BenchEmbedOptions embed;
  CLI::App* embed_command = app.add_subcommand("embed", "Texts through the embedded encoder");
  embed_command->add_option("--model", embed.model_dir, "Hugging Face directory")->required();
  embed_command->add_option("--texts", embed.texts_file, "One JSON string a line")->required();
  embed_command->add_option("--precision", embed.precision, "auto, f32, bf16 or int8")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "int8"}));
  embed_command->add_option("--out", embed.vectors_file, "Write the vectors as float32 .npy");
  embed_command->add_option("--repeat", embed.repeat, "Runs; the median counts")
      ->check(CLI::Range(1, 1000));
  embed_command->add_flag("--query-latency", embed.query_latency,
                          "Also how long queries take, idle and beside a job; about 45 s");
  embed_command->callback([&] { run = [&] { return lakehouse::app::BenchEmbed(embed); }; });

  lakehouse::app::BenchTokensOptions tokens;
  CLI::App* tokens_command = app.add_subcommand("tokens", "Texts through the tokenizer");
  tokens_command->add_option("--model", tokens.model_dir, "Hugging Face directory")->required();
  tokens_command->add_option("--texts", tokens.texts_file, "A JSON string, or two, a line")
      ->required();
  tokens_command->add_option("--max-tokens", tokens.max_tokens, "Limit of every text or pair")
      ->check(CLI::Range(1, 1 << 30));
  tokens_command->add_option("--out", tokens.ids_file, "Write the ids, a JSON array a line");
  tokens_command->callback([&] { run = [&] { return lakehouse::app::BenchTokens(tokens); }; });

  lakehouse::app::BenchS3Options s3;
  CLI::App* s3_command = app.add_subcommand("s3", "Single objects of a bucket");
  s3_command->add_option("--data", s3.data_dir, "Data directory that nobody serves")->required();
  s3_command->add_option("--bucket", s3.bucket, "Bucket; default: primary");
  s3_command->add_option("--prefix", s3.prefix, "Objects to read; default: every one");
  s3_command->add_option("--runs", s3.runs, "How often each is read")->check(CLI::Range(1, 1000));
  s3_command->callback([&] { run = [&] { return lakehouse::app::BenchS3(s3); }; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Print(run(), compact);
}
