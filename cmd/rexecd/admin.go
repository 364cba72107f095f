package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
			for _, word := range advice(conf, cfg) {
				say(std.err, "rexecd: %s", word)
			}
			say(std.err, "rexecd: the files are good: %d keys", len(cfg.Ring.Keys()))
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
			var s server.Status
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			_, err = fmt.Fprintf(std.out, "running since %s\nconnections %d, of which not yet proved %d\nrefused %d, shut out %d\nsessions %d, started so far %d\n",
				s.Since.Local().Format(time.DateTime), s.Connections+s.Unproved, s.Unproved, s.Refused, s.ShutOut, s.Sessions, s.Started)
			return err
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the folder for all files of this daemon")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}
