# SPDX-License-Identifier: Apache-2.0
# What may be there or not. Included by the top CMakeLists.txt.

# clattn_choice(NAME DOC WAS): an option of three states. ON asks for a thing and stops without it, OFF leaves it out, and
# AUTO, the default of a build of clattn by itself, goes by what is found at each configure: no answer of an earlier day is
# kept. WAS is how it was described when it had two states and kept what was found first; such an entry becomes AUTO.
function(clattn_choice name doc was)
  if(DEFINED ${name} AND NOT DEFINED CACHE{${name}})
    return() # set by the project that we are a part of
  endif()
  get_property(type CACHE ${name} PROPERTY TYPE)
  get_property(help CACHE ${name} PROPERTY HELPSTRING)
  if(type STREQUAL "BOOL" AND help STREQUAL was)
    message(STATUS "${name} was ${${name}} in this folder, and is AUTO now")
    set(${name} AUTO CACHE STRING "${doc}: AUTO, ON or OFF" FORCE)
  else()
    set(${name} AUTO CACHE STRING "${doc}: AUTO, ON or OFF")
  endif()
  set_property(CACHE ${name} PROPERTY STRINGS AUTO ON OFF)
endfunction()

# clattn_decide(NAME FOUND THING PART): makes of the choice NAME a variable that is ON or OFF in this run, by whether THING
# was found, and remembers PART where it is left out.
function(clattn_decide name found thing part)
  if("${${name}}" STREQUAL "AUTO")
    set(decided ${found})
  else()
    set(decided ${${name}})
    if(decided AND NOT found)
      message(FATAL_ERROR "${name} is ${${name}}, but ${thing} was not found")
    endif()
  endif()
  if(decided)
    set(${name} ON PARENT_SCOPE)
    return()
  endif()
  set(${name} OFF PARENT_SCOPE)
  if(found)
    set(why "${name} is ${${name}}")
  else()
    set(why "${thing} was not found")
  endif()
  set_property(GLOBAL APPEND PROPERTY CLATTN_LEFT_OUT "${part} (${why})")
endfunction()

# Says what clattn_decide left out, also to scripts/test.sh.
function(clattn_tell_left_out)
  get_property(parts GLOBAL PROPERTY CLATTN_LEFT_OUT)
  set(lines "")
  foreach(part IN LISTS parts)
    message(STATUS "clattn is built without ${part}")
    string(APPEND lines "${part}\n")
  endforeach()
  file(WRITE "${PROJECT_BINARY_DIR}/left_out.txt" "${lines}")
endfunction()

# clattn_find(PREFIX HEADER LIBRARY [SUFFIX ...]): PREFIX_INCLUDE_DIR, PREFIX_LIBRARY and PREFIX_FOUND, without pkg-config.
# CMake looks again for what it did not find, but keeps what it found, also when that is gone.
macro(clattn_find prefix header library)
  if(${prefix}_INCLUDE_DIR AND NOT EXISTS "${${prefix}_INCLUDE_DIR}/${header}")
    unset(${prefix}_INCLUDE_DIR CACHE)
  endif()
  if(${prefix}_LIBRARY AND NOT EXISTS "${${prefix}_LIBRARY}")
    unset(${prefix}_LIBRARY CACHE)
  endif()
  find_path(${prefix}_INCLUDE_DIR ${header} PATH_SUFFIXES ${ARGN})
  find_library(${prefix}_LIBRARY ${library})
  mark_as_advanced(${prefix}_INCLUDE_DIR ${prefix}_LIBRARY)
  set(${prefix}_FOUND OFF)
  if(${prefix}_INCLUDE_DIR AND ${prefix}_LIBRARY)
    set(${prefix}_FOUND ON)
  endif()
endmacro()
