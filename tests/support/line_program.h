// Runs a Python program of tests/support that speaks lines of JSON.
#pragma once

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/status.h"
#include "base/strings.h"

namespace lakehouse::testing {

// A child process that prints one JSON object when it is ready and one for every line it is given,
// with the field "error" when something failed. It ends when its standard input does, so it cannot
// outlive this process. Not thread-safe.
class LineProgram {
 public:
  // Starts tests/support/<arguments[0]> with the other arguments and waits until it is ready.
  // kUnavailable carries what the program said.
  static Result<std::unique_ptr<LineProgram>> Start(const std::vector<std::string>& arguments) {
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0) return Unavailable("pipe2: ", std::strerror(errno));
    if (::pipe2(from_child, O_CLOEXEC) != 0) {
      ::close(to_child[0]);
      ::close(to_child[1]);
      return Unavailable("pipe2: ", std::strerror(errno));
    }
    std::unique_ptr<LineProgram> program(new LineProgram(to_child[1], from_child[0]));
    const int error = Spawn(arguments, to_child[0], from_child[1], program->pid_);
    ::close(to_child[0]);
    ::close(from_child[1]);
    if (error != 0) return Unavailable("cannot run python3: ", std::strerror(error));
    ASSIGN_OR_RETURN(program->ready_, program->ReadAnswer());
    return program;
  }

  ~LineProgram() {
    ::close(input_);
    ::close(output_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  LineProgram(const LineProgram&) = delete;
  LineProgram& operator=(const LineProgram&) = delete;

  // What the program said when it was ready.
  const Json& ready() const { return ready_; }

  // Gives the program one line, without its end, and returns the answer.
  Result<Json> Ask(const std::string& line) {
    const std::string text = line + "\n";
    for (size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::write(input_, text.data() + sent, text.size() - sent);
      if (n < 0 && errno != EINTR) return Unavailable("write: ", std::strerror(errno));
      if (n > 0) sent += static_cast<size_t>(n);
    }
    return ReadAnswer();
  }

 private:
  static constexpr int kTimeoutMs = 90'000;

  LineProgram(int input, int output) : input_(input), output_(output) {}

  // Returns 0 or an errno.
  static int Spawn(const std::vector<std::string>& arguments, int input, int output, pid_t& pid) {
    std::vector<std::string> words = {
        "python3", StrCat(LAKEHOUSE_SOURCE_DIR, "/tests/support/", arguments.front())};
    words.insert(words.end(), arguments.begin() + 1, arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    const int error = ::posix_spawnp(&pid, "python3", &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }

  Result<Json> ReadAnswer() {
    size_t end = 0;
    while ((end = buffer_.find('\n')) == std::string::npos) {
      pollfd waiting = {output_, POLLIN, 0};
      if (::poll(&waiting, 1, kTimeoutMs) == 0) {
        return DeadlineExceeded("the program said nothing for ms: ", kTimeoutMs);
      }
      char bytes[65536];
      const ssize_t n = ::read(output_, bytes, sizeof(bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Unavailable("the program ended without an answer");
      buffer_.append(bytes, static_cast<size_t>(n));
    }
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    ASSIGN_OR_RETURN(Json answer, ParseJson(line));
    if (answer.contains("error")) return Unavailable(answer["error"].get<std::string>());
    return answer;
  }

  int input_;
  int output_;
  pid_t pid_ = -1;
  std::string buffer_;
  Json ready_;
};

}  // namespace lakehouse::testing
