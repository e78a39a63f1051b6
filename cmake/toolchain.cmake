# Compiler and linker settings that hold for every target.

find_program(CCACHE ccache)
if(CCACHE)
  # Paths count relative to the clone, so that a second clone finds what the first compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual)
# Designated initializers leave the other members at their defaults on purpose.
add_compile_options(-Wno-missing-field-initializers)
# Results of floating-point kernels must not depend on what the compiler fuses.
add_compile_options(-ffp-contract=off -fno-omit-frame-pointer)
# Warnings are errors with the compiler that users build with; clang builds the fuzzers.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wshadow=local -Werror)
  # False positives of GCC 12 in std::string (GCC bug 105329) and std::optional.
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow)
endif()

if(LAKEHOUSE_SANITIZE)
  add_compile_options(-fsanitize=${LAKEHOUSE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LAKEHOUSE_SANITIZE})
  if(LAKEHOUSE_SANITIZE MATCHES "thread")
    add_compile_options(-Wno-tsan)
  endif()
endif()

if(LAKEHOUSE_FUZZ)
  # Clang 14 cannot assemble coroutines that are built with the check for function types.
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=function)
endif()
