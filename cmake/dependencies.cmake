# Third-party libraries: Debian's, and those that tools/bootstrap puts into LAKEHOUSE_CACHE.
# Versions are pinned in tools/dependencies.lock.

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(CURL 7.88 REQUIRED)
find_package(pugixml 1.13 REQUIRED)
find_package(ICU 72 REQUIRED COMPONENTS uc i18n)
find_package(Boost 1.81 REQUIRED)
# Debian's dnnl package asks for OpenCL headers that a CPU engine does not need: link it by name.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_package(GTest 1.12 REQUIRED)
find_package(benchmark 1.7 REQUIRED)
find_package(CLI11 2.1 REQUIRED)

set(DUCKDB_ROOT ${LAKEHOUSE_CACHE}/duckdb-1.5.6)
if(NOT EXISTS ${DUCKDB_ROOT}/libduckdb.so OR NOT EXISTS ${DUCKDB_ROOT}/include/duckdb.hpp)
  message(FATAL_ERROR "DuckDB is missing in ${DUCKDB_ROOT}: run tools/bootstrap")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${DUCKDB_ROOT}/libduckdb.so
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${DUCKDB_ROOT}/include
  INTERFACE_INCLUDE_DIRECTORIES ${DUCKDB_ROOT}/include)
