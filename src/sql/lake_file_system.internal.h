// The two file systems of our DuckDB instance: objects and working files of ours, and nothing else.
#pragma once

#include <memory>
#include <string>

#include "duckdb.hpp"
#include "duckdb/common/local_file_system.hpp"
#include "storage/bucket_registry.h"

namespace lakehouse::sql {

class Scope;

inline constexpr const char* kLakeScheme = "lake://";
inline constexpr const char* kStageScheme = "stage://";

// Serves `lake://<bucket>/<key>` (read only) and `stage://<absolute path>` (read and write).
//
// How it meets enable_external_access = false: DuckDB asks its allow-list before every operation
// and knows paths by prefix only, so the two schemes stand in allowed_directories as a whole and
// the decision is taken here, at every open, from the Scope of the connection that opens. DuckDB's
// caches open a file before they answer (validate_external_file_cache is pinned for that), so a
// cached block is behind the same check. No local path canonicalises to one of the two prefixes.
//
// Reads go straight into DuckDB's buffer: pread on objects that are local files, ReadAt otherwise.
// An object that its bucket does not have, has in another size than the catalog says, or cannot
// give is read from the rescue bucket, and the trace of the scope says so.
// Thread-safe; a handle's positioned reads are, its sequential ones are not.
class LakeFileSystem : public duckdb::FileSystem {
 public:
  // `buckets` outlives this.
  explicit LakeFileSystem(storage::BucketRegistry& buckets) : buckets_(buckets) {}

  duckdb::unique_ptr<duckdb::FileHandle> OpenFile(
      const std::string& path, duckdb::FileOpenFlags flags,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void Read(duckdb::FileHandle& handle, void* buffer, int64_t size, duckdb::idx_t offset) override;
  int64_t Read(duckdb::FileHandle& handle, void* buffer, int64_t size) override;
  void Write(duckdb::FileHandle& handle, void* buffer, int64_t size, duckdb::idx_t offset) override;
  int64_t Write(duckdb::FileHandle& handle, void* buffer, int64_t size) override;
  int64_t GetFileSize(duckdb::FileHandle& handle) override;
  duckdb::timestamp_t GetLastModifiedTime(duckdb::FileHandle& handle) override;
  std::string GetVersionTag(duckdb::FileHandle& handle) override;
  duckdb::FileType GetFileType(duckdb::FileHandle& handle) override;
  void Truncate(duckdb::FileHandle& handle, int64_t new_size) override;
  void FileSync(duckdb::FileHandle& handle) override;
  void Seek(duckdb::FileHandle& handle, duckdb::idx_t offset) override;
  void Reset(duckdb::FileHandle& handle) override;
  duckdb::idx_t SeekPosition(duckdb::FileHandle& handle) override;
  bool CanSeek() override { return true; }
  bool OnDiskFile(duckdb::FileHandle& handle) override;

  bool FileExists(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool DirectoryExists(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool IsPipe(const std::string& path, duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveFile(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool TryRemoveFile(const std::string& path,
                     duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void MoveFile(const std::string& source, const std::string& target,
                duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  // Every path is literal: names one file, which need not exist yet.
  duckdb::vector<duckdb::OpenFileInfo> Glob(const std::string& path,
                                            duckdb::FileOpener* opener) override;

  bool CanHandleFile(const std::string& path) override;
  std::string CanonicalizePath(const std::string& path,
                               duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  std::string PathSeparator(const std::string& path) override;
  bool IsPathAbsolute(const std::string& path) override;
  std::string GetName() const override { return "lakehouse"; }

 private:
  // Opens an object of the scope, or what the rescue bucket has in its place; null when there is
  // none and the flags allow that.
  duckdb::unique_ptr<duckdb::FileHandle> OpenObject(const std::string& path,
                                                    duckdb::FileOpenFlags flags, Scope& scope);

  storage::BucketRegistry& buckets_;
};

// DuckDB's default file system, for what the instance itself needs (spilled data, the machine's
// limits): refuses whatever comes from a connection, so that no SQL reaches a local path even where
// a setting or the gate would let it through.
class InstanceFileSystem : public duckdb::LocalFileSystem {
 public:
  duckdb::unique_ptr<duckdb::FileHandle> OpenFile(
      const std::string& path, duckdb::FileOpenFlags flags,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool FileExists(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool DirectoryExists(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void CreateDirectory(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveDirectory(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool IsPipe(const std::string& path, duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveFile(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void MoveFile(const std::string& source, const std::string& target,
                duckdb::optional_ptr<duckdb::FileOpener> opener) override;

 protected:
  bool ListFilesExtended(const std::string& directory,
                         const std::function<void(duckdb::OpenFileInfo& info)>& callback,
                         duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  duckdb::unique_ptr<duckdb::MultiFileList> GlobFilesExtended(
      const std::string& path, const duckdb::FileGlobInput& input,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;
};

}  // namespace lakehouse::sql
