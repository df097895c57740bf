# SPDX-License-Identifier: Apache-2.0
# Writes the files FILES (a ;-list) of FOLDER as byte arrays, with their paths in it, to the C source OUTPUT:
# cmake -DFOLDER=.. -DFILES=.. -DOUTPUT=.. -P embed.cmake
set(arrays "")
set(table "")
set(count 0)
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH name "${FOLDER}" "${file}")
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file${count}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${name}\", file${count}, sizeof file${count} - 1},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE "${OUTPUT}.new" "/* Made by embed.cmake. */\n#include \"opencl/embedded.h\"\n\n${arrays}\nconst struct clattn__embedded clattn__embedded[] = {\n${table}};\nconst size_t clattn__embedded_count = ${count};\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${OUTPUT}.new" "${OUTPUT}")
file(REMOVE "${OUTPUT}.new")
