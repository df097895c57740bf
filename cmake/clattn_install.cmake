# SPDX-License-Identifier: Apache-2.0
# Install and export rules: find_package(clattn) and clattn.pc. Included by the top CMakeLists.txt once the library targets
# exist; `clattn_install(TARGET...)` takes those to be installed.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# clattn_pc_library(REQUIRES LIBS NAME LIBRARY): adds to the list REQUIRES the package NAME, where the system has NAME.pc near
# the file LIBRARY, and to LIBS the linker's flags where it has not: pkg-config stops at a package that it cannot find.
function(clattn_pc_library requires libs name library)
  get_filename_component(folder "${library}" DIRECTORY)
  get_filename_component(file "${library}" NAME)
  foreach(packages "${folder}/pkgconfig" "${folder}/../share/pkgconfig" "${folder}/../../share/pkgconfig")
    if(EXISTS "${packages}/${name}.pc")
      set(${requires} ${${requires}} ${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(flags ${${libs}})
  if(NOT folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    list(APPEND flags "-L${folder}")
  endif()
  string(REGEX REPLACE "^lib(.*)\\.(so|a)[.0-9]*$" "\\1" short "${file}")
  set(${libs} ${flags} "-l${short}" PARENT_SCOPE)
endfunction()

# What clattn.pc says of other libraries: OpenCL, which the public header includes, to every program; the others to those
# that link the static library.
function(clattn_pc_libraries)
  clattn_pc_library(CLATTN_PC_REQUIRES CLATTN_PC_LIBS OpenCL "${OpenCL_LIBRARIES}")
  set(CLATTN_PC_CFLAGS "")
  if(NOT CLATTN_PC_REQUIRES AND NOT OpenCL_INCLUDE_DIRS IN_LIST CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES)
    set(CLATTN_PC_CFLAGS "-I${OpenCL_INCLUDE_DIRS}")
  endif()
  clattn_pc_library(CLATTN_PC_REQUIRES_PRIVATE CLATTN_PC_LIBS_PRIVATE libmd "${LIBMD_LIBRARY}")
  if(CLATTN_WITH_CLBLAST)
    list(APPEND CLATTN_PC_REQUIRES_PRIVATE clblast)
  endif()
  list(APPEND CLATTN_PC_LIBS_PRIVATE -lm -pthread)
  foreach(field REQUIRES LIBS CFLAGS REQUIRES_PRIVATE LIBS_PRIVATE)
    string(REPLACE ";" " " text "${CLATTN_PC_${field}}")
    set(CLATTN_PC_${field} "${text}" PARENT_SCOPE)
  endforeach()
endfunction()

function(clattn_install)
  set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/clattn)
  install(TARGETS ${ARGN} EXPORT clattn-targets
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/include/clattn.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE ${PROJECT_SOURCE_DIR}/AUTHORS
    DESTINATION ${CMAKE_INSTALL_DOCDIR})

  install(EXPORT clattn-targets NAMESPACE clattn:: DESTINATION ${config_dir})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/clattn-config.cmake.in
    ${PROJECT_BINARY_DIR}/clattn-config.cmake INSTALL_DESTINATION ${config_dir})
  # While the major version is 0, a minor version may break the interface.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/clattn-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/clattn-config.cmake ${PROJECT_BINARY_DIR}/clattn-config-version.cmake
    ${PROJECT_SOURCE_DIR}/cmake/Findlibmd.cmake DESTINATION ${config_dir})

  # The way from the .pc file's folder up to the prefix, so that an installed tree may be moved.
  file(RELATIVE_PATH CLATTN_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" CLATTN_PC_PREFIX "${CLATTN_PC_PREFIX}")
  clattn_pc_libraries()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/clattn.pc.in ${PROJECT_BINARY_DIR}/clattn.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/clattn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
