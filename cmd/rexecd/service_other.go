//go:build !windows

package main

import (
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
)

// asService does nothing: services are started like any program here.
func asService([]string, stdio) (code int, done bool) { return 0, false }

// serviceCommands: systemd, launchd and their like have commands of their own.
func serviceCommands(stdio) []*cobra.Command { return nil }

// keepCrashes: a daemon has a stderr here.
func keepCrashes(paths, stdio, *logrus.Logger) (stop func()) { return func() {} }

// eventSink is never made here.
type eventSink struct{}

func (*eventSink) Levels() []logrus.Level   { return nil }
func (*eventSink) Fire(*logrus.Entry) error { return nil }
