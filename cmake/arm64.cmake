# Builds for arm64 on another machine: Debian's cross compiler, and the libraries that scripts/sysroot unpacks.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../scripts/sysroot
  OUTPUT_VARIABLE CMAKE_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# What the build starts of its own, and ctest, go through the emulator where it is installed. Not with its -L, which turns
# every path that is in that folder too, the root among them, into one below it.
find_program(ORDEAL_EMULATOR qemu-aarch64-static)
if(ORDEAL_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${ORDEAL_EMULATOR} ${CMAKE_SYSROOT}/lib/ld-linux-aarch64.so.1
    --library-path ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu)
endif()
