# SPDX-License-Identifier: Apache-2.0
# Writes FILE as the string NAME, declared in HEADER, to the C source OUTPUT:
# cmake -DFILE=.. -DNAME=.. -DHEADER=.. -DOUTPUT=.. -P embed_text.cmake
file(READ "${FILE}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUTPUT}"
  "/* Made by embed_text.cmake. */\n#include \"${HEADER}\"\n\nconst char ${NAME}[] = {${bytes}0};\n")
