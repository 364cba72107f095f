package sshopt

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// LogLevel is how much of our own the user wants to read, ssh's names and order.
type LogLevel int8

const (
	LogQuiet   LogLevel = 0 // -q
	LogFatal   LogLevel = 1
	LogError   LogLevel = 2
	LogInfo    LogLevel = 3 // when nothing is said
	LogVerbose LogLevel = 4
	LogDebug1  LogLevel = 5 // -v
	LogDebug2  LogLevel = 6
	LogDebug3  LogLevel = 7 // -vvv
)

func parseLogLevel(s string) (LogLevel, error) {
	return choose(s, map[string]LogLevel{
		"quiet": LogQuiet, "fatal": LogFatal, "error": LogError, "info": LogInfo, "verbose": LogVerbose,
		"debug": LogDebug1, "debug1": LogDebug1, "debug2": LogDebug2, "debug3": LogDebug3,
	}, "quiet, fatal, error, info, verbose, debug, debug2 or debug3")
}

func parseBool(s string) (bool, error) {
	return choose(s, map[string]bool{"yes": true, "true": true, "no": false, "false": false}, "yes or no")
}

func parseFamily(s string) (Family, error) {
	return choose(s, map[string]Family{"any": FamilyAny, "inet": FamilyIPv4, "inet6": FamilyIPv6}, "any, inet or inet6")
}

func parseTerminal(s string) (Terminal, error) {
	return choose(s, map[string]Terminal{
		"auto": TerminalAuto, "no": TerminalNever, "false": TerminalNever,
		"yes": TerminalRequest, "true": TerminalRequest, "force": TerminalForce,
	}, "auto, yes, no or force")
}

func parseSession(s string) (sessionType, error) {
	return choose(s, map[string]sessionType{
		"default": sessionDefault, "none": sessionNone, "subsystem": sessionSubsystem,
	}, "default, none or subsystem")
}

// parseTunnel returns "no" or the kind of tunnel.
func parseTunnel(s string) (string, error) {
	return choose(s, map[string]string{
		"no": "no", "false": "no", "yes": "yes", "true": "yes",
		"ethernet": "ethernet", "point-to-point": "point-to-point",
	}, "yes, no, point-to-point or ethernet")
}

// choose is ssh's multistate: one of some words, in any case.
func choose[T any](s string, states map[string]T, words string) (T, error) {
	v, ok := states[strings.ToLower(s)]
	if !ok {
		return v, fmt.Errorf("%q is not %s", s, words)
	}
	return v, nil
}

// parsePort takes 1 to 65535 in digits; the names of /etc/services, which ssh takes too, are not looked up.
func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no port, 1 to 65535", s)
	}
	return int(n), nil
}

func parseCount(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return int(n), nil
}

// parseTime reads sshd_config(5), TIME FORMATS: seconds, or a sum such as 1m30s with the units s m h d w. Fractions are
// for seconds only and are cut off.
func parseTime(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no time, such as 30 or 1m30s", s)
	seconds, seen := 0.0, false
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		n, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil || rest[digits-1] == '.' {
			return 0, bad
		}
		unit := "s"
		if digits < len(rest) {
			unit = strings.ToLower(rest[digits : digits+1])
		}
		scale, ok := map[string]float64{"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
		if !ok || unit == "s" && seen || unit != "s" && strings.Contains(rest[:digits], ".") {
			return 0, bad
		}
		seen = seen || unit == "s"
		seconds += n * scale
		rest = rest[min(digits+1, len(rest)):]
	}
	if s == "" || seconds > math.MaxInt32 {
		return 0, bad
	}
	return time.Duration(seconds) * time.Second, nil
}

// offerTime sets a time of ssh_config; "none" leaves it open, for a later one too.
func (st *settings) offerTime(to *first[time.Duration], option, value string) error {
	if value == "none" {
		return nil
	}
	return set(to.offer, option, value, parseTime)
}

// parseEscape takes a character, ^ and a letter, or none.
func parseEscape(s string) (escape, error) {
	switch {
	case s == "none":
		return escape{off: true}, nil
	case len(s) == 1:
		return escape{char: s[0]}, nil
	case len(s) == 2 && s[0] == '^' && s[1] >= 64 && s[1] < 128:
		return escape{char: s[1] & 31}, nil
	}
	return escape{}, fmt.Errorf("%q is no escape character: one character, ^ and a letter, or none", s)
}

// parseEndpoint takes host:port, [address]:port, or the path of a socket.
func parseEndpoint(s string) (Endpoint, error) {
	if strings.HasPrefix(s, "/") {
		return Endpoint{Path: s}, nil
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return Endpoint{}, fmt.Errorf("%q is not host:port", s)
	}
	host, bracketed := stripBrackets(s[:colon]) // ssh's own ProxyJump writes [name]:port too
	if !bracketed && strings.ContainsAny(host, ":[]") {
		return Endpoint{}, fmt.Errorf("%q: write an IPv6 address as [address]:port", s)
	}
	if err := checkHost(host, false); err != nil {
		return Endpoint{}, err
	}
	port, err := parsePort(s[colon+1:])
	return Endpoint{Host: host, Port: port}, err
}

// expand replaces the %tokens of ssh_config(5), TOKENS: those given, and %%.
func expand(s string, tokens map[byte]string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", errors.New("a % at the end; a percent sign is written %%")
		}
		v, ok := tokens[s[i]]
		if !ok && s[i] != '%' {
			return "", fmt.Errorf("%q is not known here; a percent sign is written %%%%", "%"+s[i:i+1])
		}
		if s[i] == '%' {
			v = "%"
		}
		out.WriteString(v)
	}
	return out.String(), nil
}
