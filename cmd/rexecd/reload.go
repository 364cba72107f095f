package main

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"rexec/internal/server"
)

// daemonFiles reads a running daemon's files again.
type daemonFiles struct {
	flags  serveFlags
	std    stdio
	log    *logrus.Logger
	server *server.Server

	first   server.Config // what the daemon started with, for what takes a restart
	listen  []string
	metrics string

	mu      sync.Mutex // one reload at a time
	conf    atomic.Pointer[config]
	reloads reloads
}

// reload takes all files or, if anything is wrong with one of them, none. It returns what changed and waits for a
// restart.
func (d *daemonFiles) reload() (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tellReloading()
	defer tellReady()
	conf, next, err := load(d.flags, d.std.getenv)
	if err == nil {
		err = d.first.Audit.Reopen(conf.Audit) // the last that can fail
	}
	if err != nil {
		d.reloads.bad.Add(1)
		d.log.WithError(err).Error("not reloaded: the daemon goes on as before")
		return nil, err
	}
	waits := []string{}
	for name, same := range map[string]bool{
		"names": slices.Equal(conf.Names, d.first.Names), "listen": slices.Equal(conf.Listen, d.listen),
		"metrics": conf.Metrics == d.metrics, "host.key": bytes.Equal(next.HostKey, d.first.HostKey),
	} {
		if !same {
			waits = append(waits, name)
		}
	}
	slices.Sort(waits)
	setLog(d.log, conf, d.std)
	d.conf.Store(&conf)
	d.server.Reload(next)
	d.reloads.good.Add(1)
	log := d.log.WithField("keys", len(next.Ring.Keys()))
	if len(waits) > 0 {
		log = log.WithField("waits_for_restart", strings.Join(waits, " "))
	}
	log.Info("reloaded")
	return waits, nil
}
