# Writes FILE as a string to the C source OUTPUT: cmake -DFILE=.. -DOUTPUT=.. -P embed.cmake
file(READ "${FILE}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUTPUT}"
  "/* Made by embed.cmake. */\n#include \"nn_source.h\"\n\nconst char nn_source[] = {${bytes}0};\n")
