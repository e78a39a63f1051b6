#include <filesystem>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "duckdb/common/virtual_file_system.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "sql/error.internal.h"
#include "sql/gate.internal.h"
#include "sql/instance.internal.h"
#include "sql/lake_file_system.internal.h"

namespace lakehouse::sql {

namespace {

namespace fs = std::filesystem;

struct Limits {
  uint64_t memory_bytes = 0;
  uint64_t threads = 0;
  uint64_t temp_bytes = 0;
};

// DuckDB's own measures of the machine respect control groups.
Limits ResolveLimits(const SqlConfig& config, const std::string& temp_dir) {
  const auto local = duckdb::FileSystem::CreateLocal();
  Limits limits;
  limits.memory_bytes = static_cast<uint64_t>(config.memory_limit_bytes);
  if (config.memory_limit_bytes == 0) {
    limits.memory_bytes = duckdb::DBConfig::GetSystemAvailableMemory(*local) / 10 * 4;
  }
  limits.threads = static_cast<uint64_t>(config.threads);
  if (config.threads == 0) limits.threads = duckdb::DBConfig::GetSystemMaxThreads(*local);
  limits.temp_bytes = static_cast<uint64_t>(config.max_temp_bytes);
  if (config.max_temp_bytes == 0) limits.temp_bytes = fs::space(temp_dir).available / 2;
  return limits;
}

// Settings with the text that they must read back as. A later DuckDB that renames or redefines one
// fails here instead of serving without it.
const std::vector<std::pair<std::string, std::string>>& RequiredSettings() {
  static const auto& settings = *new std::vector<std::pair<std::string, std::string>>{
      {"enable_external_access", "false"},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"allow_unsigned_extensions", "false"},
      {"allow_persistent_secrets", "false"},
      {"allow_parser_override_extension", "DEFAULT"},
      {"validate_external_file_cache", "VALIDATE_ALL"},
      {"disabled_optimizers", ""},
      {"allowed_configs", "[]"},
      {"allowed_paths", "[]"},
      {"TimeZone", "UTC"},
      {"parquet_metadata_cache", "true"},
      {"lock_configuration", "true"},
  };
  return settings;
}

void EmptyDirectory(const std::string& path) {
  fs::create_directories(path);
  fs::permissions(path, fs::perms::owner_all);
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) fs::remove_all(entry);
}

std::unique_ptr<duckdb::DuckDB> OpenConfigured(const Limits& limits, const std::string& temp_dir,
                                               storage::BucketRegistry& buckets) {
  duckdb::DBConfig config;
  config.file_system =
      duckdb::make_uniq<duckdb::VirtualFileSystem>(duckdb::make_uniq<InstanceFileSystem>());
  config.file_system->RegisterSubSystem(duckdb::make_uniq<LakeFileSystem>(buckets));
  config.options.maximum_memory = limits.memory_bytes;
  config.options.maximum_threads = limits.threads;
  config.options.maximum_swap_space = limits.temp_bytes;
  config.options.temporary_directory = temp_dir;
  config.SetOptionByName("autoinstall_known_extensions", duckdb::Value(false));
  config.SetOptionByName("autoload_known_extensions", duckdb::Value(false));
  config.SetOptionByName("allow_community_extensions", duckdb::Value(false));
  config.SetOptionByName("allow_unsigned_extensions", duckdb::Value(false));
  config.SetOptionByName("allow_persistent_secrets", duckdb::Value(false));
  for (const std::string& directory :
       {std::string(kLakeScheme), std::string(kStageScheme), temp_dir}) {
    config.AddAllowedDirectory(directory);
  }
  config.SetOptionByName("enable_external_access", duckdb::Value(false));
  auto database = std::make_unique<duckdb::DuckDB>(nullptr, &config);
  // DuckDB 1.5.6 shows the configured limit as its setting but does not enforce it.
  duckdb::BufferManager::GetBufferManager(*database->instance).SetSwapLimit(limits.temp_bytes);
  return database;
}

void RunSetup(duckdb::Connection& connection, const std::string& sql) {
  const auto result = connection.Query(sql);
  if (result->HasError()) result->ThrowError();
}

Status VerifySettings(duckdb::Connection& connection, const Limits& limits) {
  duckdb::ClientContext& context = *connection.context;
  for (const auto& [name, expected] : RequiredSettings()) {
    duckdb::Value value;
    if (!context.TryGetCurrentSetting(name, value)) {
      return Internal("DuckDB has no setting ", name, "; expected it to be ", expected);
    }
    if (value.ToString() != expected) {
      return Internal("DuckDB's setting ", name, " is ", value.ToString(), "; expected ", expected);
    }
  }
  const auto& buffers = duckdb::BufferManager::GetBufferManager(context);
  if (buffers.GetQueryMaxMemory() != limits.memory_bytes) {
    return Internal("DuckDB's memory limit is ", buffers.GetQueryMaxMemory(), "; expected ",
                    limits.memory_bytes);
  }
  const auto& directories = duckdb::DBConfig::GetConfig(context).options.allowed_directories;
  if (directories.size() != 3) {
    return Internal("DuckDB allows ", directories.size(), " directories; expected 3");
  }
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<duckdb::DuckDB>> OpenInstance(const SqlConfig& config,
                                                     const std::string& temp_dir,
                                                     storage::BucketRegistry& buckets) {
  try {
    EmptyDirectory(temp_dir);
    const Limits limits = ResolveLimits(config, temp_dir);
    auto database = OpenConfigured(limits, fs::canonical(temp_dir).string(), buckets);
    auto& instance_config = duckdb::DBConfig::GetConfig(*database->instance);
    instance_config.replacement_scans.clear();
    InstallGate(instance_config);
    duckdb::Connection connection(*database);
    RunSetup(connection, "SET GLOBAL TimeZone = 'UTC'");
    RunSetup(connection, "SET GLOBAL parquet_metadata_cache = true");
    RunSetup(connection, "SET GLOBAL lock_configuration = true");
    TRY(VerifySettings(connection, limits));
    return database;
  } catch (const std::exception& exception) {
    return FromException(exception).Annotate("Cannot open the SQL engine");
  }
}

}  // namespace lakehouse::sql
