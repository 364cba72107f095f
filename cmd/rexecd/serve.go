package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"rexec/internal/policy"
	"rexec/internal/secretfile"
	"rexec/internal/server"
	"rexec/platform"
)

// shutdownTime is how long running commands may go on after TERM.
const shutdownTime = 10 * time.Second

type serveFlags struct{ state, config string }

func serveCommand(std stdio) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "be the daemon (the same as rexecd alone)",
		Args:  noWords,
		RunE:  func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), f, std) },
	}
	cmd.Flags().StringVar(&f.state, "state", "", "the folder for all files of this daemon")
	cmd.Flags().StringVar(&f.config, "config", "", "the configuration (default: rexecd.toml in the daemon's folder)")
	return cmd
}

// load reads everything a daemon starts from.
func load(f serveFlags, getenv func(string) string) (config, server.Config, error) {
	p, err := locate(f.state, getenv)
	if err != nil {
		return config{}, server.Config{}, err
	}
	if f.config != "" {
		dir := filepath.Dir(f.config)
		p.config, p.ring, p.hostKey = f.config, filepath.Join(dir, "keyring.toml"), filepath.Join(dir, "host.key")
	}
	conf, err := readConfig(p.config)
	if err != nil {
		return conf, server.Config{}, err
	}
	ring, err := policy.Load(p.ring)
	if err != nil {
		return conf, server.Config{}, err
	}
	hostKey, err := secretfile.Read(p.hostKey, 1<<16)
	if err != nil {
		return conf, server.Config{}, err
	}
	return conf, server.Config{
		Names: conf.Names, HostKey: hostKey, Ring: ring, AcceptEnv: conf.AcceptEnv, Path: conf.Path, Shell: conf.Shell, Lang: conf.Lang,
		RunDir: filepath.Join(p.data, "run"),
	}, nil
}

func serve(ctx context.Context, f serveFlags, std stdio) error {
	conf, cfg, err := load(f, std.getenv)
	if err != nil {
		return err
	}
	if cfg.Lang == "" {
		cfg.Lang = std.getenv("LANG")
	}
	log := logrus.New()
	log.SetOutput(std.err)
	log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02 15:04:05"})
	cfg.Log = logrus.NewEntry(log)

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	defer platform.Prepare()()
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	var listeners []net.Listener
	for _, a := range conf.Listen {
		host, port, err := listenAddress(a)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return fmt.Errorf("cannot listen: %w", err)
		}
		listeners = append(listeners, l)
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		log.WithField("address", l.Addr().String()).Info("listening")
		go func() { ended <- s.Serve(l) }()
	}
	var failed error
	running := len(listeners)
	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case failed = <-ended:
		running--
	}
	bounded, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	_ = s.Shutdown(bounded) // what did not end in time was ended, which is what TERM asked for
	for range running {
		<-ended
	}
	if failed != nil && !errors.Is(failed, server.ErrServerClosed) {
		return failed
	}
	return nil
}
