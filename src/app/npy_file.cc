#include "app/npy_file.h"

#include <fstream>

namespace lakehouse::app {

Status WriteNpy(const std::string& path, std::span<const float> values, size_t columns) {
  CHECK(columns > 0 && values.size() % columns == 0);
  // Magic, version and header together fill a multiple of 64 bytes.
  constexpr size_t kPrefix = 10;
  std::string header = StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                              values.size() / columns, ", ", columns, "), }");
  header.append((64 - (kPrefix + header.size() + 1) % 64) % 64, ' ');
  header.push_back('\n');
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write("\x93NUMPY\x01\x00", 8);
  file.put(static_cast<char>(header.size() & 0xFF));
  file.put(static_cast<char>(header.size() >> 8));
  file << header;
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size_bytes()));
  file.close();
  if (!file) return Internal("the file cannot be written: ", path);
  return OkStatus();
}

}  // namespace lakehouse::app
