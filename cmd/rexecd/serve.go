package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
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
	f.register(cmd)
	return cmd
}

func (f *serveFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.state, "state", "", "the folder for all files of this daemon")
	cmd.Flags().StringVar(&f.config, "config", "", "the configuration (default: rexecd.toml in the daemon's folder)")
}

func (f serveFlags) paths(getenv func(string) string) (paths, error) {
	p, err := locate(f.state, getenv)
	if err == nil && f.config != "" {
		dir := filepath.Dir(f.config)
		p.config, p.ring, p.hostKey = f.config, filepath.Join(dir, "keyring.toml"), filepath.Join(dir, "host.key")
	}
	return p, err
}

// load reads everything a daemon starts from.
func load(f serveFlags, getenv func(string) string) (config, server.Config, error) {
	p, err := f.paths(getenv)
	if err != nil {
		return config{}, server.Config{}, err
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
	if _, err := server.HostPin(hostKey); err != nil {
		return conf, server.Config{}, fmt.Errorf("%s: %w: put back the one that rexecd init made, or set this machine up anew", p.hostKey, err)
	}
	return conf, server.Config{
		Names: conf.Names, HostKey: hostKey, Ring: ring, AcceptEnv: conf.AcceptEnv, Path: conf.Path, Shell: conf.Shell, Lang: conf.Lang,
		RunDir: filepath.Join(p.data, "run"),
	}, nil
}

// listenCause gives the words below net.OpError's address.
func listenCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

func serve(ctx context.Context, f serveFlags, std stdio) error {
	if code, done, err := platform.AsPid1(); err != nil {
		return err
	} else if done {
		return exitCode(code)
	}
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
	reload := func() (any, error) {
		_, next, err := load(f, std.getenv)
		if err != nil {
			log.WithError(err).Error("not reloaded: the daemon goes on as before")
			return nil, err
		}
		s.SetRing(next.Ring)
		log.WithField("keys", len(next.Ring.Keys())).Info("reloaded")
		return nil, nil
	}
	p, err := f.paths(std.getenv)
	if err != nil {
		return err
	}
	control, err := listenControl(p)
	if err != nil {
		return err
	}
	defer control.Close()
	go serveControl(control, map[string]func() (any, error){
		"reload": reload,
		"status": func() (any, error) { return s.Status(), nil },
	})
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

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
			return fmt.Errorf("cannot listen on %s: %w: see who else listens there, or change listen in %s", a, listenCause(err), p.config)
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
	for done := false; !done; {
		select {
		case <-hup:
			_, _ = reload() // its failure is in the log
		case <-ctx.Done():
			log.Info("shutting down")
			done = true
		case failed = <-ended:
			running--
			done = true
		}
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
