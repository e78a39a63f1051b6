#include "app/command_line.h"

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include "app/command_storage.h"
#include "app/commands.h"
#include "app/completion.h"
#include "app/data_directory.h"
#include "app/exit_code.h"
#include "app/serve.h"
#include "base/log.h"

namespace lakehouse::app {

namespace {

constexpr int kWrongUse = 2;

// The parsed command line: CLI11 writes into these while it parses.
class CommandLine {
 public:
  CommandLine()
      : app_("Turns files into open tables, answers SQL over them and finds text by meaning.") {
    app_.name("lakehouse");
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_help_flag("-h,--help", "Show help");
    app_.footer("lakehouse help COMMAND shows examples.");
    app_.add_option("--config", config_path_, "Configuration file");
    app_.add_option("--data", context_.data_dir, "Data directory");
    app_.add_option("--server", context_.server, "URL of a running server");
    app_.add_flag("--json", context_.json, "Print exactly what the API answers");
    app_.add_flag("--quiet,-q", context_.quiet, "No progress and no remarks");
    context_.data_dir = DefaultDataDirectory();
    AddServe();
    AddIngest();
    AddSql();
    AddIndexAndSearch();
    AddResources();
    AddStorage();
    AddModels();
    AddSmallCommands();
  }

  int Run(std::vector<std::string> arguments) {
    // `help COMMAND` is `COMMAND --help`.
    if (!arguments.empty() && arguments.front() == "help") {
      arguments.erase(arguments.begin());
      arguments.emplace_back("--help");
    }
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
      const int code = app_.exit(error);
      return code == 0 ? 0 : kWrongUse;
    }
    const Status status = RunParsed();
    if (!status.ok()) std::fprintf(stderr, "lakehouse: %s\n", status.message().c_str());
    return ExitCodeFor(status.code());
  }

 private:
  // Declares a command: its examples, its options (by the caller) and what it runs.
  CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& description,
                       const std::string& examples, std::function<Status()> run) {
    CLI::App* command = parent.add_subcommand(name, description);
    if (!examples.empty()) command->footer("Examples:\n" + examples);
    if (run) {
      command->callback([this, command, run = std::move(run)] {
        context_.command = command->get_name();
        run_ = run;
      });
    }
    return command;
  }

  Status RunParsed() {
    ASSIGN_OR_RETURN(context_.config, LoadConfig(config_path_, context_.data_dir));
    ASSIGN_OR_RETURN(context_.secrets, SecretStore::Load(SecretsPath()));
    const Config& config = context_.config.config;
    LogOptions log;
    log.json = config.log.format == "json";
    ASSIGN_OR_RETURN(log.level, ParseLogLevel(config.log.level));
    // A command's remarks are its own: only what goes wrong is logged beside them.
    if (context_.command != "serve") log.level = LogLevel::kError;
    ConfigureLog(log);
    return run_();
  }

  // Secrets stand beside the configuration.
  std::string SecretsPath() const {
    const std::string& config_path = context_.config.path;
    if (config_path.empty()) return context_.data_dir + "/secrets.toml";
    return std::filesystem::path(config_path).replace_filename("secrets.toml");
  }

  void AddServe() {
    CLI::App* serve = AddCommand(
        app_, "serve", "Serve the API on this machine",
        "  lakehouse serve\n  lakehouse --data /srv/lake serve --listen 127.0.0.1:8080", [this] {
          Config config = context_.config.config;
          if (!listen_.empty()) config.server.listen = listen_;
          return Serve(context_.data_dir, config, context_.secrets);
        });
    serve->add_option("--listen", listen_, "HOST:PORT; port 0 takes any free one");
  }

  void AddIngest() {
    CLI::App* ingest = AddCommand(app_, "ingest", "Turn files into datasets",
                                  "  lakehouse ingest people.csv --dataset people\n"
                                  "  lakehouse ingest exports/ --mode append\n"
                                  "  zcat log.ndjson.gz | lakehouse ingest - --dataset log",
                                  [this] { return RunIngest(context_, ingest_); });
    ingest->add_option("input", ingest_.inputs, "Files, directories, or - for standard input")
        ->required();
    ingest->add_option("--dataset", ingest_.dataset, "Dataset; default: made from the file's name");
    ingest->add_option("--mode", ingest_.mode, "create, append or replace")
        ->check(CLI::IsMember({"create", "append", "replace"}));
    ingest->add_option("--bucket", ingest_.bucket, "Bucket for a new dataset");
    ingest->add_option("--reject-file", ingest_.reject_file,
                       "Where rows that could not be taken go");
  }

  void AddSql() {
    CLI::App* sql = AddCommand(
        app_, "sql", "Answer one SQL statement, or open a shell",
        "  lakehouse sql \"select state, count(*) from people group by 1 order by 2 desc\"\n"
        "  lakehouse sql --format csv -o out.csv - < query.sql\n  lakehouse sql",
        [this] { return RunSql(context_, sql_); });
    sql->add_option("text", sql_.text, "The statement, or - for standard input");
    sql->add_option("--format", sql_.format, "table, csv, json or ndjson");
    sql->add_option("-o,--output", sql_.output, "File to write instead of standard output");
    sql->add_option("--limit", sql_.limit, "Most rows to return")
        ->check(CLI::Range(1, 100'000'000));
    sql->add_option("--timeout-ms", sql_.timeout_ms, "Longest run time; 0: the server's default")
        ->check(CLI::NonNegativeNumber);
  }

  void AddIndexAndSearch() {
    CLI::App* index = AddCommand(app_, "index", "Make the text of a dataset searchable by meaning",
                                 "  lakehouse index people --id id --text bio",
                                 [this] { return RunIndex(context_, index_); });
    index->add_option("dataset", index_.dataset, "Dataset")->required();
    index->add_option("--id", index_.id_column, "Column that names a row")->required();
    index->add_option("--text", index_.text_column, "Column that is embedded")->required();
    index->add_option("--name", index_.name, "Index; default: DATASET_vN");
    index->add_option("--model", index_.model, "Embedding model; default: the configured one");
    index->add_flag("--detach", index_.detach, "Print the job's id and return");

    CLI::App* search =
        AddCommand(app_, "search", "Find text by meaning",
                   "  lakehouse search people_v1 \"night-shift nurse who speaks Spanish\" -k 5",
                   [this] { return RunSearch(context_, search_); });
    search->add_option("index", search_.index, "Index")->required();
    search->add_option("text", search_.text, "What to look for")->required();
    search->add_option("-k,--top-k", search_.top_k, "Most results to return");
  }

  void AddResources() {
    struct Kind {
      const char* name;
      const char* description;
      const char* delete_name;
    };
    for (const Kind& kind : {Kind{"datasets", "The tables of this lakehouse", "delete"},
                             Kind{"indexes", "The searchable indexes", "delete"},
                             Kind{"jobs", "Work in the background", "cancel"},
                             Kind{"buckets", "Where data lies", "delete"}}) {
      CLI::App* group = AddCommand(app_, kind.name, kind.description, "", nullptr);
      group->require_subcommand(1);
      const std::string name = kind.name;
      AddResource(*group, name, "list", "list", false);
      AddResource(*group, name, "show", "show", true);
      AddResource(*group, name, kind.delete_name, "delete", true);
      if (name == "datasets" || name == "indexes") AddMove(*group, name);
      if (name == "buckets") AddCreateBucket(*group);
    }
  }

  void AddModels() {
    CLI::App* models = AddCommand(app_, "models", "What embeds, reranks and writes", "", nullptr);
    models->require_subcommand(1);
    AddResource(*models, "models", "list", "list", false);
    CLI::App* preload = AddCommand(*models, "preload", "Bring a model into memory",
                                   "  lakehouse models preload all-MiniLM-L6-v2",
                                   [this] { return RunResidence(context_, model_, true); });
    preload->add_option("name", model_, "Its name in the configuration")->required();
    CLI::App* unload = AddCommand(*models, "unload", "Take a model out of memory", "",
                                  [this] { return RunResidence(context_, model_, false); });
    unload->add_option("name", model_, "Its name in the configuration")->required();
  }

  void AddMove(CLI::App& group, const std::string& kind) {
    CLI::App* move =
        AddCommand(group, "move", "Move to another bucket while it stays in use",
                   StrCat("  lakehouse ", kind, " move people --to s3:archive"), [this, kind] {
                     move_.kind = kind;
                     return RunMove(context_, move_);
                   });
    move->add_option("name", move_.name, "Its name")->required();
    move->add_option("--to", move_.bucket, "The bucket")->required();
  }

  void AddCreateBucket(CLI::App& group) {
    CLI::App* create = AddCommand(
        group, "create", "Provision a bucket",
        "  lakehouse buckets create archive --root /mnt/archive\n"
        "  lakehouse buckets create s3:lake --bucket lake --endpoint http://127.0.0.1:9000 "
        "--credentials minio",
        [this] { return RunCreateBucket(context_, bucket_); });
    create->add_option("name", bucket_.name, "Its name; s3:ID for S3")->required();
    create->add_option("--backend", bucket_.backend, "local or s3; default: what the name says")
        ->check(CLI::IsMember({"local", "s3"}));
    create->add_option("--root", bucket_.root, "Directory of a local bucket");
    create->add_option("--bucket", bucket_.bucket, "S3: the server's name of the bucket");
    create->add_option("--prefix", bucket_.prefix, "S3: every key begins with it");
    create->add_option("--endpoint", bucket_.endpoint, "S3: URL of the server; default: AWS");
    create->add_option("--region", bucket_.region, "S3: default us-east-1");
    create->add_option("--credentials", bucket_.credentials,
                       "S3: name of a secret, aws:chain and the like, or anonymous");
    create->add_option("--ca-file", bucket_.ca_file, "S3: certificates to trust");
    create->add_option("--path-style", bucket_.path_style, "S3: true or false");
    create->add_option("--allow-http", bucket_.allow_http, "S3: true or false");
  }

  void AddStorage() {
    CLI::App* storage = AddCommand(app_, "storage", "Look after the buckets", "", nullptr);
    storage->require_subcommand(1);
    CLI::App* test = AddCommand(*storage, "test", "Find out what is wrong with a bucket",
                                "  lakehouse storage test s3:lake",
                                [this] { return RunStorageTest(context_, bucket_.name); });
    test->add_option("bucket", bucket_.name, "Its name")->required();
    CLI::App* errors = AddCommand(*storage, "errors", "Show what went wrong with the buckets",
                                  "  lakehouse storage errors --limit 20",
                                  [this] { return RunStorageErrors(context_, error_limit_); });
    errors->add_option("--limit", error_limit_, "Most errors to show")->check(CLI::Range(1, 1000));
  }

  void AddResource(CLI::App& group, const std::string& kind, const std::string& word,
                   const std::string& action, bool named) {
    CLI::App* command = AddCommand(group, word, StrCat(word, " ", kind), "", [this, kind, action] {
      resource_.kind = kind;
      resource_.action = action;
      return RunResource(context_, resource_);
    });
    if (named) command->add_option("name", resource_.name, "Its name")->required();
  }

  void AddSmallCommands() {
    CLI::App* sample = AddCommand(app_, "sample", "Write sample data as CSV files", "", nullptr);
    sample->require_subcommand(1);
    CLI::App* staffing = AddCommand(*sample, "staffing", "A staffing company",
                                    "  lakehouse sample staffing --candidates 2000 -o sample",
                                    [this] { return RunSample(context_, sample_); });
    staffing->add_option("--candidates", sample_.candidates, "Number of candidates");
    staffing->add_option("--seed", sample_.seed, "Seed; the same seed gives the same files");
    staffing->add_option("-o,--output", sample_.output, "Directory");

    AddCommand(app_, "config", "Print the effective settings and where they come from", "",
               [this] { return RunConfig(context_); });
    AddCommand(app_, "version", "Print the version", "", [this] { return RunVersion(context_); });
    CLI::App* completion =
        AddCommand(app_, "completion", "Print a completion script",
                   "  source <(lakehouse completion bash)", [this] { return PrintCompletion(); });
    completion->add_option("shell", shell_, "bash, zsh or fish")->required();
  }

  static void CollectWords(const CLI::App& command, const std::string& path,
                           std::vector<CommandWords>& out) {
    CommandWords words{path, {}};
    for (const CLI::App* sub : command.get_subcommands(nullptr))
      words.words.push_back(sub->get_name());
    for (const CLI::Option* option : command.get_options(nullptr)) {
      for (const std::string& name : option->get_lnames()) words.words.push_back("--" + name);
    }
    out.push_back(std::move(words));
    for (const CLI::App* sub : command.get_subcommands(nullptr)) {
      CollectWords(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
    }
  }

  Status PrintCompletion() {
    std::vector<CommandWords> commands;
    CollectWords(app_, "", commands);
    ASSIGN_OR_RETURN(const std::string script, CompletionScript(shell_, commands));
    std::fputs(script.c_str(), stdout);
    return OkStatus();
  }

  CLI::App app_;
  CommandContext context_;
  std::function<Status()> run_;
  std::string config_path_;
  std::string listen_;
  std::string shell_;
  IngestOptions ingest_;
  SqlOptions sql_;
  IndexOptions index_;
  SearchOptions search_;
  ResourceOptions resource_;
  BucketOptions bucket_;
  std::string model_;
  MoveOptions move_;
  int64_t error_limit_ = 100;
  SampleCommandOptions sample_;
};

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments) {
  return CommandLine().Run(arguments);
}

}  // namespace lakehouse::app
