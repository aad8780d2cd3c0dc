# ordeal_library(NAME [USES libs…]) builds src/NAME as the static library `ordeal_NAME` and its *_test.cc files as
# one test program `bin/NAME_test`. A folder may include exactly what it USES; scripts/check-layers holds it to that.

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(GTest REQUIRED)
include(GoogleTest)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(ordeal_flags INTERFACE)
target_compile_options(ordeal_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Werror
  -fno-omit-frame-pointer -pthread $<$<CONFIG:Debug>:-g1> $<$<CONFIG:Debug>:-Og>)
target_compile_definitions(ordeal_flags INTERFACE
  ORDEAL_VERSION="${PROJECT_VERSION}" BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12's flow analysis raises false alarms at -O2 (gcc bugs 105329, 105562, 109561).
  target_compile_options(ordeal_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds -Wno-dangling-pointer -Wno-missing-field-initializers)
else()
  target_compile_options(ordeal_flags INTERFACE -Wno-missing-field-initializers -Wno-missing-braces)
endif()
if(ORDEAL_SANITIZE)
  target_compile_options(ordeal_flags INTERFACE -fsanitize=${ORDEAL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(ordeal_flags INTERFACE -fsanitize=${ORDEAL_SANITIZE})
  # Two checks that double g++'s compile time; the fuzzers, built by clang, have them.
  if(ORDEAL_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(ordeal_flags INTERFACE -fno-sanitize=null,alignment)
  endif()
endif()
if(ORDEAL_SANITIZE STREQUAL "thread")
  # g++ 12's ThreadSanitizer does not know fences; Asio needs none of its own where handlers run on one thread.
  target_compile_definitions(ordeal_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
if(ORDEAL_FUZZ)
  # clang 14 cannot emit its function check in coroutines ("difference across sections").
  target_compile_options(ordeal_flags INTERFACE -fsanitize=fuzzer-no-link -fno-sanitize=function)
endif()
target_include_directories(ordeal_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(ordeal_flags INTERFACE fmt::fmt tl::expected)

file(WRITE ${CMAKE_BINARY_DIR}/empty.cc "")
add_library(ordeal_pch STATIC ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(ordeal_pch PUBLIC ordeal_flags)
target_precompile_headers(ordeal_pch PRIVATE <algorithm> <chrono> <cstdint> <functional> <map> <memory> <optional>
  <string> <string_view> <unordered_map> <utility> <variant> <vector>)

function(ordeal_library name)
  cmake_parse_arguments(arg "" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/*/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_main)\\.cc$")
  list(TRANSFORM arg_USES PREPEND ordeal_ OUTPUT_VARIABLE used)
  if(sources)
    add_library(ordeal_${name} STATIC ${sources})
    target_link_libraries(ordeal_${name} PUBLIC ordeal_flags ${used} ${arg_LINKS})
    target_precompile_headers(ordeal_${name} REUSE_FROM ordeal_pch)
  else()
    add_library(ordeal_${name} INTERFACE)
    target_link_libraries(ordeal_${name} INTERFACE ordeal_flags ${used} ${arg_LINKS})
  endif()
  set_property(GLOBAL APPEND PROPERTY ORDEAL_LAYERS "${name}: ${arg_USES}")
  if(tests)
    ordeal_test(${name}_test SOURCES ${tests} USES ${name})
  endif()
endfunction()

# ordeal_program(NAME SOURCES … USES …) builds bin/NAME: test helpers, demo parts and benchmarks.
function(ordeal_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LINKS" ${ARGN})
  list(TRANSFORM arg_USES PREPEND ordeal_ OUTPUT_VARIABLE used)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ordeal_flags ${used} ${arg_LINKS} Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

function(ordeal_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LINKS" ${ARGN})
  ordeal_program(${name} SOURCES ${arg_SOURCES} USES ${arg_USES} LINKS ${arg_LINKS} GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120 LABELS unit)
endfunction()
