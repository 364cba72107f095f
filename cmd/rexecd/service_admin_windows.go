package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"rexec/internal/invoke"
	"rexec/internal/secretfile"
)

func serviceCommands(std stdio) []*cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "have Windows start the daemon with the machine",
		Args:  noWords,
	}
	var f serveFlags
	install := &cobra.Command{
		Use:   "install",
		Short: "make the service; it starts with the machine, and again when it fails",
		Args:  noWords,
		RunE:  func(*cobra.Command, []string) error { return installService(f, std) },
	}
	f.register(install)
	verb := func(name, short string, do func(*mgr.Service) error, said string) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, Args: noWords, RunE: func(*cobra.Command, []string) error {
			if err := withService(do); err != nil {
				return err
			}
			say(std.err, "rexecd: the service is %s", said)
			return nil
		}}
	}
	cmd.AddCommand(install,
		verb("uninstall", "stop and remove the service; its files stay", uninstallService, "removed"),
		verb("start", "start the service", startService, "running"),
		verb("stop", "stop the service", stopService, "stopped"))
	return []*cobra.Command{cmd}
}

// The service manager starts the daemon again soon, then later; it forgets failures after a day.
var (
	recovery = []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
		{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
		{Type: mgr.ServiceRestart, Delay: 2 * time.Minute},
	}
	recoveryPeriod = uint32((24 * time.Hour).Seconds())
)

// installService makes the service for the files that f names, which must be good already.
func installService(f serveFlags, std stdio) error {
	if _, _, err := load(f, std.getenv); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := closedProgram(self); err != nil {
		return err
	}
	args := slices.Clone(serviceWords)
	for _, flag := range [...]struct{ name, path string }{{"--state", f.state}, {"--config", f.config}} {
		if flag.path == "" {
			continue
		}
		whole, err := filepath.Abs(flag.path) // a service starts in the system's folder
		if err != nil {
			return err
		}
		args = append(args, flag.name, whole)
	}
	m, err := connect()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.CreateService(serviceName, self, mgr.Config{
		DisplayName: "rexec daemon",
		Description: "Runs commands for those who hold one of its keys.",
		StartType:   mgr.StartAutomatic,
	}, args...)
	if errors.Is(err, windows.ERROR_SERVICE_EXISTS) {
		return errors.New("the service is there already: rexecd service uninstall removes it")
	}
	if err != nil {
		return asAdministrator(err)
	}
	defer func() { _ = s.Close() }()
	for what, err := range map[string]error{
		"will not be started again when it fails": errors.Join(s.SetRecoveryActions(recovery, recoveryPeriod), s.SetRecoveryActionsOnNonCrashFailures(true)),
		"has no name of its own in the event log": eventlog.InstallAsEventCreate(serviceName, eventlog.Error|eventlog.Warning|eventlog.Info),
	} {
		if err != nil {
			say(std.err, "rexecd: the service %s: %s", what, invoke.Line(err.Error()))
		}
	}
	say(std.err, "rexecd: the service is installed; start it with: rexecd service start")
	return nil
}

// closedProgram refuses a file that others could replace by a program of theirs, which would run as the system.
func closedProgram(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := secretfile.CheckChange(f); err != nil {
		return fmt.Errorf("a service runs as the system, and this program is not safe enough for that: put it into a folder below %%ProgramFiles%% and install from there: %w", err)
	}
	return nil
}

func connect() (*mgr.Mgr, error) {
	m, err := mgr.Connect()
	return m, asAdministrator(err)
}

func asAdministrator(err error) error {
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return fmt.Errorf("%w: say this in a console that was opened with \"Run as administrator\"", err)
	}
	return err
}

func withService(do func(*mgr.Service) error) error {
	m, err := connect()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(serviceName)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return errors.New("there is no such service: make it with rexecd service install")
	}
	if err != nil {
		return asAdministrator(err)
	}
	defer func() { _ = s.Close() }()
	return asAdministrator(do(s))
}

func uninstallService(s *mgr.Service) error {
	if err := stopService(s); err != nil {
		return err
	}
	if err := s.Delete(); err != nil {
		return err
	}
	_ = eventlog.Remove(serviceName) // what it wrote can still be read, if less well
	return nil
}

func startService(s *mgr.Service) error {
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return err
	}
	return await(s, svc.Running, "did not start: the event log says why (Windows Logs, Application, source rexecd)")
}

func stopService(s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return err
	}
	return await(s, svc.Stopped, "does not stop: its running commands are ended by shutdown_time at the latest")
}

// await looks until the service is in a state, stopped for good, or out of time.
func await(s *mgr.Service, want svc.State, otherwise string) error {
	for end := time.Now().Add(stopTime * time.Millisecond); ; time.Sleep(100 * time.Millisecond) {
		is, err := s.Query()
		switch {
		case err != nil:
			return err
		case is.State == want:
			return nil
		case is.State == svc.Stopped, time.Now().After(end):
			return fmt.Errorf("the service %s", otherwise)
		}
	}
}
