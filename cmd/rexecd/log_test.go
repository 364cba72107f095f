package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logged is what a log of that form writes for one warning.
func logged(t *testing.T, form, journal string, log func(*logrus.Logger)) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer f.Close()
	l := logrus.New()
	setLog(l, config{tuning: tuning{LogFormat: form, LogLevel: logrus.InfoLevel}}, stdio{err: f, getenv: func(string) string { return journal }})
	log(l)
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	return string(b)
}

func TestSem52_WhatStrangersSendIsOneEscapedLine(t *testing.T) {
	const bad = "a\nb\x1b[31m\u202e\u009b\U000e0001\xff" // newline, ESC, right-to-left, CSI, a tag, no UTF-8
	for _, form := range []string{"auto", "json", "text"} {
		line := logged(t, form, "", func(l *logrus.Logger) { l.WithError(errors.New(bad)).WithField("key", bad).Warn(bad) })
		assert.Equal(t, 1, strings.Count(line, "\n"), form)
		assert.NotContains(t, line, "\x1b", form)
		for _, odd := range []string{"\u202e", "\u009b", "\U000e0001"} {
			assert.NotContains(t, line, odd, form)
		}
		if form != "text" {
			var e map[string]string
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			assert.Equal(t, strings.ToValidUTF8(bad, "\ufffd"), e["key"], "and nothing is lost")
			assert.Equal(t, "warning", e["level"])
			assert.NotEmpty(t, e["time"])
		}
	}
}

func TestInTheJournalALineHasAPriorityAndNoTime(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "stream"))
	require.NoError(t, err)
	defer f.Close()
	assert.False(t, isJournal(f, ""))
	assert.False(t, isJournal(f, "1:2"), "inherited from another service")

	for level, want := range map[logrus.Level]string{logrus.ErrorLevel: "<3>", logrus.WarnLevel: "<4>", logrus.InfoLevel: "<6>", logrus.DebugLevel: "<7>"} {
		p := plain{&logrus.JSONFormatter{DisableTimestamp: true}, true}
		line, err := p.Format(&logrus.Entry{Logger: logrus.New(), Level: level, Message: "hello"})
		require.NoError(t, err)
		assert.Equal(t, want+`{"level":"`+level.String()+`","msg":"hello"}`+"\n", string(line))
	}
}

func TestLogLevelHolds(t *testing.T) {
	assert.Empty(t, logged(t, "json", "", func(l *logrus.Logger) { l.Debug("no") }))
}
