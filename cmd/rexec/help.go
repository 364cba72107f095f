package main

// helpText is rexec help. Options of ssh that change nothing here are accepted and not listed.
const helpText = `rexec [options] [user@]HOST [COMMAND...]   run a command there; without COMMAND, a shell
rexec host add NAME < TOKEN-FILE           know a host, by the token that rexecd init printed
rexec host ls | rm NAME | trust NAME       list, forget, or pin the new certificate of a host
rexec ssh ...                              the same command line exactly as ssh has it, for other programs
rexec completion bash | zsh | fish | powershell   print a script that completes options and host names
rexec help [VERB] | version

Options, before or after HOST, up to the first word of COMMAND:
  -p PORT -l USER -i TOKEN-FILE -o KEYWORD=VALUE -n -q -v -T -N -s -4 -6 -E LOG    as in ssh
  --timeout TIME          the daemon ends the command after TIME (2s, 1m30s)
  --connect-timeout TIME  give up connecting after TIME
  --linger TIME           how long output is read on after the command ended: 2s, 0, forever
  --env NAME[=VALUE]      the command must have this variable
  --cwd DIR               where the command starts
  --argv                  COMMAND is a program and its arguments; no shell reads it
  --status-json FILE      write what is known of the result there; fd:N: to a descriptor
  --config-dir DIR        the folder with hosts and keys (else REXEC_CONFIG_DIR, else ~/.config/rexec)
  --help --version

Exit code: the command's own; 128+n: ended by signal n; 124: timeout; 126, 127: could not be started, not found;
253: its code does not fit; 254: refused by policy; 255: a failure of rexec's own.
`
