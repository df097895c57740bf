# Install and export rules: find_package(clattn) and clattn.pc. Included by the top CMakeLists.txt once the library targets
# exist; `clattn_install(TARGET...)` takes those to be installed.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(clattn_install)
  set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/clattn)
  install(TARGETS ${ARGN} EXPORT clattn-targets
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/include/clattn.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

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
  set(CLATTN_PC_LIBS_PRIVATE "-lm -pthread")
  set(CLATTN_PC_REQUIRES_PRIVATE "OpenCL libmd")
  if(CLATTN_WITH_CLBLAST)
    string(APPEND CLATTN_PC_REQUIRES_PRIVATE " clblast")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/clattn.pc.in ${PROJECT_BINARY_DIR}/clattn.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/clattn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
