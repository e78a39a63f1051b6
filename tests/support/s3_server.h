// A real S3 server for one test.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/strings.h"
#include "support/line_program.h"

namespace lakehouse::testing {

// MinIO or versitygw on loopback in a temporary folder, with keys of its own. Ends and is removed
// with this object, and with this process. Not thread-safe; its endpoint is.
//
//   auto server = S3Server::Start("minio");
//   ASSERT_TRUE(server.ok()) << server.status().ToString();
//   ASSERT_TRUE((*server)->MakeBucket("lake").ok());
class S3Server {
 public:
  struct Options {
    bool tls = false;  // https, with a certificate that `ca_file` vouches for.
  };

  // `kind`: "minio" or "versitygw". kUnavailable says what is missing and how to get it.
  static Result<std::unique_ptr<S3Server>> Start(const std::string& kind) {
    return Start(kind, Options());
  }
  static Result<std::unique_ptr<S3Server>> Start(const std::string& kind, const Options& options) {
    std::vector<std::string> arguments = {"s3_servers.py", kind};
    if (options.tls) arguments.push_back("--tls");
    ASSIGN_OR_RETURN(auto program, LineProgram::Start(arguments));
    return std::unique_ptr<S3Server>(new S3Server(std::move(program)));
  }

  // "http(s)://127.0.0.1:<port>"; buckets are addressed by path, or as hosts below localhost at
  // the same port.
  std::string endpoint() const { return Field("endpoint"); }
  std::string region() const { return Field("region"); }
  std::string access_key_id() const { return Field("access_key_id"); }
  std::string secret_access_key() const { return Field("secret_access_key"); }
  std::string ca_file() const { return Field("ca_file"); }  // "" without tls.

  Status MakeBucket(const std::string& name) {
    return program_->Ask(StrCat("make_bucket ", name)).status();
  }
  // Makes the endpoint refuse connections; the data stays.
  Status Stop() { return program_->Ask("stop").status(); }
  // Starts it again at the same endpoint, with the same data and keys.
  Status StartAgain() { return program_->Ask("start").status(); }

 private:
  explicit S3Server(std::unique_ptr<LineProgram> program) : program_(std::move(program)) {}

  std::string Field(const char* name) const {
    return program_->ready().at(name).get<std::string>();
  }

  std::unique_ptr<LineProgram> program_;
};

}  // namespace lakehouse::testing
