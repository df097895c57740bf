# SPDX-License-Identifier: Apache-2.0
# Writes `git describe` of the folder SOURCE to the C source OUTPUT, if it changed:
# cmake -DSOURCE=.. -DOUTPUT=.. -P commit.cmake
find_package(Git QUIET)
set(commit "")
if(GIT_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" describe --always --dirty --tags WORKING_DIRECTORY "${SOURCE}"
                  OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT commit MATCHES "^[-+._/a-zA-Z0-9]+$")
  set(commit "unknown")
endif()
file(WRITE "${OUTPUT}.new"
  "/* Made by commit.cmake. */\n#include \"commit.h\"\n\nconst char bench_commit[] = \"${commit}\";\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${OUTPUT}.new" "${OUTPUT}")
