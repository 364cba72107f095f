package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rexec/internal/audit"
	"rexec/internal/server"
)

func checkCommand(std stdio) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "say whether a daemon could start with the files as they are",
		Args:  noWords,
		RunE: func(*cobra.Command, []string) error {
			conf, cfg, err := load(f, std.getenv)
			if err != nil {
				return err
			}
			p, err := f.paths(std.getenv)
			if err != nil {
				return err
			}
			if err := audit.Check(conf.Audit); err != nil {
				return auditFault(err, p.config)
			}
			for _, word := range advice(conf, cfg) {
				say(std.err, "rexecd: %s", word)
			}
			say(std.err, "rexecd: the files are good: %s", count(len(cfg.Ring.Keys()), "key"))
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

func reloadCommand(std stdio) *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "have the running daemon read its files again; all of them or, if one is wrong, none",
		Args:  noWords,
		RunE: func(*cobra.Command, []string) error {
			p, err := locate(state, std.getenv)
			if err != nil {
				return err
			}
			raw, err := ask(p, "reload")
			if err != nil {
				return err
			}
			var waits []string
			if err := json.Unmarshal(raw, &waits); len(raw) > 0 && err != nil {
				return err
			}
			say(std.err, "rexecd: reloaded")
			if len(waits) > 0 {
				say(std.err, "rexecd: changed, but only a restart makes it hold: %s", strings.Join(waits, ", "))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the folder for all files of this daemon")
	return cmd
}

func statusCommand(std stdio) *cobra.Command {
	var state string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "say what the running daemon does",
		Args:  noWords,
		RunE: func(*cobra.Command, []string) error {
			p, err := locate(state, std.getenv)
			if err != nil {
				return err
			}
			raw, err := ask(p, "status")
			if err != nil {
				return err
			}
			if asJSON {
				_, err := fmt.Fprintf(std.out, "%s\n", raw)
				return err
			}
			var s statusReport
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			_, err = fmt.Fprint(std.out, s.text(time.Now()))
			return err
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the folder for all files of this daemon")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// statusReport is what rexecd status --json prints.
type statusReport struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	server.Status
	Running []server.Session `json:"running"`
}

// text is the same for people.
func (s statusReport) text(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "running since %s, as process %d, version %s\n", s.Since.Local().Format(time.DateTime), s.PID, s.Version)
	fmt.Fprintf(&b, "connections %d, of which not yet proved %d\nrefused %d, shut out %d\nsessions %d, started so far %d\n",
		s.Connections+s.Unproved, s.Unproved, s.Refused, s.ShutOut, s.Sessions, s.Started)
	if len(s.Running) == 0 {
		return b.String()
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tKEY\tUSER\tREMOTE\tPROCESS\tFOR")
	for _, r := range s.Running {
		process := "-"
		if r.PID > 0 {
			process = strconv.FormatInt(r.PID, 10)
		}
		fmt.Fprintf(w, "%.16s\t%s\t%s\t%s\t%s\t%v\n", r.ID, r.Key, cmp.Or(r.User, "-"), r.Remote, process, now.Sub(r.Since).Round(time.Second))
	}
	_ = w.Flush()
	return b.String()
}
