// Reads the command line and runs the command it names.
#pragma once

#include <string>
#include <vector>

namespace lakehouse::app {

// Returns the exit code. `arguments` are without the program's name.
int RunCommandLine(const std::vector<std::string>& arguments);

}  // namespace lakehouse::app
