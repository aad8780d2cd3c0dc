# Writes HEADER with the commit of the tree SOURCE: of git, else of what `git archive` wrote into archive-commit.txt, else
# none. A tree with changes says so.
set(commit "")
if(EXISTS ${SOURCE}/.git)
  # Also where somebody else than the one who builds owns the tree.
  execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(commit "")
  else()
    execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} diff-index --quiet HEAD -- RESULT_VARIABLE changed ERROR_QUIET)
    if(changed)
      string(APPEND commit ", changed since")
    endif()
  endif()
else()
  file(STRINGS ${SOURCE}/cmake/archive-commit.txt archived LIMIT_COUNT 1)
  if(archived MATCHES "^[0-9a-f]+$")
    string(SUBSTRING ${archived} 0 12 commit)
  endif()
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define ORDEAL_COMMIT \"${commit}\"\n")
