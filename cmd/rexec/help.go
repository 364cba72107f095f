package main

// helpText is rexec help. Options of ssh that change nothing here are accepted and not listed.
const helpText = `rexec [options] [user@]HOST [COMMAND...]   run a command there; without COMMAND, a shell
rexec [options] [user@]SET [COMMAND...]    the same on many: lab[01-40], a,b, @group, ! minus, & and; see Many hosts
rexec host add NAME < TOKEN-FILE           know a host, by the token that rexecd init printed
rexec host ls [SET...] | rm NAME | trust NAME   list, forget, or pin the new certificate of a host
rexec lab init NAME | token NAME SET --out DIR | ls | rm NAME   one key for many hosts, and the token of each
rexec ssh ...                              the same command line exactly as ssh has it, for other programs
rexec completion bash | zsh | fish | powershell   print a script that completes options and host names
rexec help [VERB] | version

Options, before or after HOST, up to the first word of COMMAND:
  -p PORT -l USER -i TOKEN-FILE -o KEYWORD=VALUE -t -T -e CHAR -n -q -v -N -f -s -4 -6 -E LOG    as in ssh;
      at a terminal, at the beginning of a line, ~. leaves and ~? lists what else there is
  -L [BIND:]PORT:HOST:PORT -D [BIND:]PORT -W HOST:PORT    forward connections, as in ssh
  --timeout TIME          the daemon ends the command after TIME (2s, 1m30s)
  --connect-timeout TIME  give up connecting after TIME
  --linger TIME           how long output is read on after the command ended: 2s, 0, forever
  --env NAME[=VALUE]      the command must have this variable
  --cwd DIR               where the command starts
  --argv                  COMMAND is a program and its arguments; no shell reads it
  --encoding NAME         what the host speaks: auto, utf-8, gbk, gb18030, big5, shift_jis, euc-kr, cp437, ..., or raw
  --text                  convert all streams to and from UTF-8, not only those at a terminal
  --status-json FILE      write what is known of the result there; fd:N: to a descriptor
  --config-dir DIR        the folder with hosts and keys (else REXEC_CONFIG_DIR, else ~/.config/rexec)
  --help --version

Many hosts (stdin, unless it is a terminal, goes to all; at a terminal without COMMAND: each line typed runs on all):
  --fanout N              so many at the same time (default 64)
  --total-timeout TIME    end whatever still runs after TIME
  --canary N              the first N hosts alone, the others only if all of these are ok
  --fail-fast             begin with no further host once one is not ok
  --retry-failed FILE     keep the hosts that are not ok there; if FILE is there, run only those in it
  --fold                  hold output back and show what is the same once, others by how they differ
  --json                  an object a line: start, line, end for each host, summary
  --out DIR               raw output of this run into DIR/HOST.out and .err; shown only with --fold or --json
  --linux LINE --windows LINE --darwin LINE   what hosts of that system run in place of COMMAND
  --verbatim              leave %h (the host), %n (its number) and %% in COMMAND as they are
  --become                run it as root through sudo; its password is asked for here, once
  --max-code              exit with the largest code of a host, not with 1, if not all are ok
  --dry-run               show what would run where
  --confirm-above N       ask a person before more than N hosts (default 20; REXEC_CONFIRM_ABOVE)
  --yes                   do not ask
  ^C says which hosts still run; twice within a second ends all of it, there too.

Exit code: the command's own; 128+n: ended by signal n; 124: timeout; 126, 127: could not be started, not found;
253: its code does not fit; 254: refused by policy; 255: a failure of rexec's own. Many hosts: 0 only if all are ok.
`
