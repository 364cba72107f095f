package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"rexec/internal/audit"
	"rexec/internal/policy"
	"rexec/internal/secretfile"
	"rexec/internal/server"
	"rexec/platform"
)

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
	cfg := server.Config{
		Names: conf.Names, HostKey: hostKey, Ring: ring, AcceptEnv: conf.AcceptEnv, Path: conf.Path, Shell: conf.Shell, Lang: conf.Lang,
		RunDir: filepath.Join(p.data, "run"), SFTPServer: ownProgram(),
	}
	if cfg.Lang == "" {
		cfg.Lang = getenv("LANG")
	}
	conf.into(&cfg)
	if conf.Audit.Path == "" {
		conf.Audit.Path = filepath.Join(p.data, "audit.log")
	}
	return conf, cfg, nil
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
	p, err := f.paths(std.getenv)
	if err != nil {
		return err
	}
	log := logrus.New()
	setLog(log, conf, std)
	cfg.Log = logrus.NewEntry(log)
	defer keepCrashes(p, std, log)()
	for _, word := range advice(conf, cfg) {
		log.Warn(word)
	}
	if fs, err := secretfile.Unprotected(filepath.Dir(p.ring)); err != nil {
		log.WithError(err).Warn("cannot tell whether the daemon's files are closed to others")
	} else if fs != "" {
		log.WithFields(logrus.Fields{"folder": filepath.Dir(p.ring), "file_system": fs}).Warn("this file system has no access lists: whoever reaches the folder can read the keys")
	}

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	defer platform.Prepare()()
	// Before any other file is touched, and before New ends what an earlier daemon left running: it must not be running
	// itself.
	control, killed, err := listenControl(p)
	if err != nil {
		return err
	}
	defer control.Close()
	if cfg.Audit, err = audit.Open(conf.Audit); err != nil {
		return auditFault(err, p.config)
	}
	defer cfg.Audit.Close()
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	d := &daemonFiles{flags: f, std: std, log: log, server: s, first: cfg, listen: conf.Listen, metrics: conf.Metrics}
	d.conf.Store(&conf)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	listen := listener(net.Listen)
	if killed {
		listen = listenBehindKilled
	}
	listeners, passed, err := openListeners(conf, p.config, listen)
	if err != nil {
		return err
	}
	if conf.Metrics != "" {
		m, err := startMonitor(conf.Metrics, listen, s, &d.reloads)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return err
		}
		defer m.close()
		log.WithField("address", conf.Metrics).Info("metrics and health")
	}
	go serveControl(control, map[string]func() (any, error){
		"reload": d.reload,
		"status": func() (any, error) {
			return statusReport{version, os.Getpid(), s.Status(), s.RunningSessions()}, nil
		},
	})
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		log.WithFields(logrus.Fields{"address": l.Addr().String(), "from_systemd": passed}).Info("listening")
		go func() { ended <- s.Serve(l) }()
	}
	tellReady()
	if std.ready != nil {
		std.ready()
	}
	var failed error
	running := len(listeners)
	for done := false; !done; {
		select {
		case <-hup:
			_, _ = d.reload() // its failure is in the log
		case <-ctx.Done():
			log.Info("shutting down")
			done = true
		case failed = <-ended:
			running--
			done = true
		}
	}
	tellStopping()
	bounded, cancel := context.WithTimeout(context.Background(), d.conf.Load().ShutdownTime)
	defer cancel()
	bounded, again := signal.NotifyContext(bounded, syscall.SIGTERM, syscall.SIGINT) // asked twice: at once
	defer again()
	_ = s.Shutdown(bounded) // what did not end in time was ended, which is what TERM asked for
	for range running {
		<-ended
	}
	if failed != nil && !errors.Is(failed, server.ErrServerClosed) {
		return failed
	}
	return nil
}
