#include <string>
#include <vector>

#include "app/command_line.h"

int main(int argc, char** argv) {
  return lakehouse::app::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc));
}
