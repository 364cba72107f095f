package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
)

// setLog gives the log the level and the form that the configuration asks for.
func setLog(log *logrus.Logger, conf config, std stdio) {
	log.SetLevel(conf.LogLevel)
	if std.events != nil {
		log.SetOutput(io.Discard)
		log.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
		log.ReplaceHooks(logrus.LevelHooks{})
		log.AddHook(std.events)
		return
	}
	log.SetOutput(std.err)
	journal := isJournal(std.err, std.getenv("JOURNAL_STREAM"))
	form := conf.LogFormat
	if form == "auto" {
		form = "json"
		if fi, err := std.err.Stat(); err == nil && fi.Mode()&os.ModeCharDevice != 0 {
			form = "text"
		}
	}
	var f logrus.Formatter = &logrus.JSONFormatter{DisableTimestamp: journal, DisableHTMLEscape: true}
	if form == "text" {
		f = &logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02 15:04:05", DisableTimestamp: journal}
	}
	log.SetFormatter(plain{f, journal})
}

// plain makes another formatter's line one that can be shown as it is, whatever strangers sent: JSON alone leaves in
// what reorders text. For the journal the line begins with its priority (sd-daemon(3)); times are the journal's own.
type plain struct {
	logrus.Formatter
	journal bool
}

func (p plain) Format(e *logrus.Entry) ([]byte, error) {
	line, err := p.Formatter.Format(e)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if p.journal {
		fmt.Fprintf(&b, "<%d>", priority(e.Level))
	}
	_, colours := p.Formatter.(*logrus.TextFormatter) // it quotes what has odd characters, and colours begin with one
	for rest := line; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case colours || r < utf8.RuneSelf || unicode.IsPrint(r):
			b.Write(rest[:n])
		case r > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		rest = rest[n:]
	}
	return b.Bytes(), nil
}

// priority is syslog(3)'s.
func priority(l logrus.Level) int {
	switch {
	case l <= logrus.FatalLevel:
		return 2
	case l == logrus.ErrorLevel:
		return 3
	case l == logrus.WarnLevel:
		return 4
	case l == logrus.InfoLevel:
		return 6
	}
	return 7
}
