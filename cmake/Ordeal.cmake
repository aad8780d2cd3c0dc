# ordeal_library(NAME [USES libs…]) builds src/NAME as the static library `ordeal_NAME` and its *_test.cc files as
# one test program `bin/NAME_test`, one test of ctest (one of its cases: bin/NAME_test --gtest_filter=…). A folder may
# include exactly what it USES; scripts/check-layers holds it to that.

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-g1 -Og")
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(GTest REQUIRED)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

# Of binutils, and three times as fast as the default one; clang's sanitizers make it print warnings.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  include(CheckLinkerFlag)
  check_linker_flag(CXX -fuse-ld=gold ORDEAL_GOLD)
endif()
if(ORDEAL_GOLD)
  add_link_options(-fuse-ld=gold)
endif()

add_library(ordeal_flags INTERFACE)
target_compile_options(ordeal_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Werror
  -fno-omit-frame-pointer -pthread)
target_compile_definitions(ordeal_flags INTERFACE
  ORDEAL_VERSION="${PROJECT_VERSION}" BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_CONTAINER_DYN_LINK BOOST_CONTAINER_NO_LIB BOOST_JSON_DYN_LINK BOOST_JSON_NO_LIB)  # as Boost::json has them
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12's flow analysis raises false alarms at -O2 (gcc bugs 105329, 105562, 109561).
  target_compile_options(ordeal_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds -Wno-dangling-pointer -Wno-missing-field-initializers)
  if(ORDEAL_UNITY)
    # It holds for headers, and takes each .cc of the one compilation for one.
    target_compile_options(ordeal_flags INTERFACE -Wno-subobject-linkage)
  endif()
else()
  # Of several files in one compilation, clang takes the unnamed namespaces of the others for what a name shadows.
  target_compile_options(ordeal_flags INTERFACE -Wno-missing-field-initializers -Wno-missing-braces
    $<$<BOOL:${ORDEAL_UNITY}>:-Wno-shadow>)
endif()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  # As on amd64, where nothing is fused: the same evidence gives the same numbers, to the last bit.
  target_compile_options(ordeal_flags INTERFACE -ffp-contract=off)
endif()
if(ORDEAL_SANITIZE)
  target_compile_options(ordeal_flags INTERFACE -fsanitize=${ORDEAL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(ordeal_flags INTERFACE -fsanitize=${ORDEAL_SANITIZE})
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

# Tests need not be fast: half of their compile time is the optimiser's, and of the sanitizers' too.
add_library(ordeal_test_flags INTERFACE)
target_link_libraries(ordeal_test_flags INTERFACE ordeal_flags GTest::gtest)
target_compile_options(ordeal_test_flags INTERFACE -O0)

# Two precompiled headers, shared by all: one for what ships and for programs, one for tests.
file(WRITE ${CMAKE_BINARY_DIR}/empty.cc "")
set(common_headers <algorithm> <chrono> <cstdint> <filesystem> <functional> <map> <memory> <optional> <string> <string_view>
  <unordered_map> <utility> <variant> <vector> <fmt/format.h> <tl/expected.hpp> <boost/json/value.hpp>)
add_library(ordeal_pch STATIC ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(ordeal_pch PUBLIC ordeal_flags)
target_precompile_headers(ordeal_pch PRIVATE ${common_headers})
add_library(ordeal_test_pch STATIC ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(ordeal_test_pch PUBLIC ordeal_test_flags)
target_precompile_headers(ordeal_test_pch PRIVATE ${common_headers} <gtest/gtest.h>)

# ordeal_quick(TARGET PCH): how every target is compiled. With ORDEAL_UNITY several files are one compilation.
function(ordeal_quick target pch)
  target_precompile_headers(${target} REUSE_FROM ${pch})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${ORDEAL_UNITY} UNITY_BUILD_BATCH_SIZE ${ORDEAL_UNITY_FILES})
endfunction()

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
    ordeal_quick(ordeal_${name} ordeal_pch)
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
  cmake_parse_arguments(arg "" "PCH" "SOURCES;USES;LINKS" ${ARGN})
  list(TRANSFORM arg_USES PREPEND ordeal_ OUTPUT_VARIABLE used)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ordeal_flags ${used} ${arg_LINKS} Threads::Threads)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(NOT arg_PCH)
    set(arg_PCH ordeal_pch)
  endif()
  ordeal_quick(${name} ${arg_PCH})
endfunction()

# ordeal_gtest(NAME SOURCES … USES …) builds bin/NAME from tests; ordeal_test also runs it, with the label unit.
function(ordeal_gtest name)
  ordeal_program(${name} PCH ordeal_test_pch ${ARGN} LINKS ordeal_test_flags GTest::gtest_main)
endfunction()

add_custom_target(units)  # what the tests with the label unit run

function(ordeal_test name)
  ordeal_gtest(${name} ${ARGN})
  add_dependencies(units ${name})
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS unit)
endfunction()
