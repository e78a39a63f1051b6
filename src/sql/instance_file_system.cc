#include "duckdb/common/file_opener.hpp"
#include "duckdb/common/multi_file/multi_file_list.hpp"
#include "sql/lake_file_system.internal.h"

namespace lakehouse::sql {

namespace {

using duckdb::FileOpener;
using duckdb::optional_ptr;

void RefuseConnections(optional_ptr<FileOpener> opener) {
  if (duckdb::FileOpener::TryGetClientContext(opener)) {
    throw duckdb::PermissionException("Local files cannot be reached from SQL");
  }
}

}  // namespace

duckdb::unique_ptr<duckdb::FileHandle> InstanceFileSystem::OpenFile(
    const std::string& path, duckdb::FileOpenFlags flags, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  return LocalFileSystem::OpenFile(path, flags, opener);
}

bool InstanceFileSystem::FileExists(const std::string& path, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  return LocalFileSystem::FileExists(path, opener);
}

bool InstanceFileSystem::DirectoryExists(const std::string& path, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  return LocalFileSystem::DirectoryExists(path, opener);
}

void InstanceFileSystem::CreateDirectory(const std::string& path, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  LocalFileSystem::CreateDirectory(path, opener);
}

void InstanceFileSystem::RemoveDirectory(const std::string& path, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  LocalFileSystem::RemoveDirectory(path, opener);
}

bool InstanceFileSystem::IsPipe(const std::string& path, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  return LocalFileSystem::IsPipe(path, opener);
}

void InstanceFileSystem::RemoveFile(const std::string& path, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  LocalFileSystem::RemoveFile(path, opener);
}

void InstanceFileSystem::MoveFile(const std::string& source, const std::string& target,
                                  optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  LocalFileSystem::MoveFile(source, target, opener);
}

bool InstanceFileSystem::ListFilesExtended(
    const std::string& directory, const std::function<void(duckdb::OpenFileInfo& info)>& callback,
    optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  return LocalFileSystem::ListFilesExtended(directory, callback, opener);
}

duckdb::unique_ptr<duckdb::MultiFileList> InstanceFileSystem::GlobFilesExtended(
    const std::string& path, const duckdb::FileGlobInput& input, optional_ptr<FileOpener> opener) {
  RefuseConnections(opener);
  return LocalFileSystem::GlobFilesExtended(path, input, opener);
}

}  // namespace lakehouse::sql
