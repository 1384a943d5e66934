complete --keep-order --exclusive --command agentreg --arguments "(COMPLETE=fish agentreg -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
