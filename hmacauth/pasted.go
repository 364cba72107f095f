package hmacauth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a person may have pasted where a token was due. Each text goes on after
// "the token ...", and never quotes what was pasted: it may be a secret.
const copyWhole = "copy the whole line that \"rexecd init\" or \"rexecd key add\" printed"

var (
	errTokenEmpty   = errors.New("is empty: " + copyWhole)
	errTokenPrefix  = errors.New("does not start with rxt1_ (a typo, or its beginning is missing): " + copyWhole)
	errTokenBefore  = errors.New("does not start with rxt1_ but has it further on: leave out what stands before it, quotes too")
	errTokenBroken  = errors.New("is cut short or has a typo: " + copyWhole)
	errTokenTwo     = errors.New("is more than one token: give one at a time")
	errTokenLines   = errors.New("is spread over several lines or has a space in it: join it to one line, or " + copyWhole)
	errTokenPEM     = errors.New("is a PEM file, such as a private key or a certificate, and not a token: " + copyWhole)
	errTokenSSH     = errors.New("is an SSH public key and not a token: " + copyWhole)
	errTokenFile    = errors.New("is some other text and not a token: " + copyWhole)
	errTokenLong    = fmt.Errorf("has more than %d characters, which none has: %s", maxTokenText, copyWhole)
	errTokenVersion = errors.New("is of a newer kind, or the digit in its rxt1_ is a typo: update rexec, or " + copyWhole)
	errTokenNewer   = errors.New("is of a newer kind than this program knows: update rexec")
)

func errTokenContents(why string) error {
	return fmt.Errorf("is undamaged but not valid: %s; make a new one with \"rexecd key add\"", why)
}

// tokenLine finds the one line that may be a token: the right prefix, a
// plausible length, only characters of base64url.
func tokenLine(text string) (string, error) {
	text = strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' }) // editors write a byte order mark
	words := strings.Fields(text)
	switch {
	case text == "":
		return "", errTokenEmpty
	case strings.Contains(text, "-----BEGIN "):
		return "", errTokenPEM
	case strings.HasPrefix(text, "ssh-") || strings.HasPrefix(text, "ecdsa-sha2-"):
		return "", errTokenSSH
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", errTokenFile
	case countTokens(words) > 1:
		return "", errTokenTwo
	case newerPrefix(text):
		return "", errTokenVersion
	case !strings.HasPrefix(text, tokenPrefix):
		return "", noPrefix(text, words)
	case len(words) > 1:
		return "", errTokenLines
	case len(text) > maxTokenText:
		return "", errTokenLong
	}
	for i := range len(text) {
		if !base64Byte(text[i]) {
			return "", fmt.Errorf("%w (character %d cannot be in a token)", errTokenBroken, 1+utf8.RuneCountInString(text[:i]))
		}
	}
	return text, nil
}

func noPrefix(text string, words []string) error {
	switch {
	case strings.Contains(text, tokenPrefix):
		return errTokenBefore
	case len(words) > 1:
		return errTokenFile
	}
	return errTokenPrefix
}

// brokenPayload names what is wrong with a line whose checksum does not fit.
func brokenPayload(line string) error {
	if strings.Count(line, tokenPrefix) > 1 {
		return errTokenTwo
	}
	return errTokenBroken
}

func countTokens(words []string) (n int) {
	for _, w := range words {
		if strings.HasPrefix(w, tokenPrefix) {
			n++
		}
	}
	return n
}

// newerPrefix finds rxt2_ and up.
func newerPrefix(text string) bool {
	rest, ok := strings.CutPrefix(text, "rxt")
	if !ok {
		return false
	}
	number, _, ok := strings.Cut(rest, "_")
	return ok && number != "1" && number != "" && strings.Trim(number, "0123456789") == ""
}

func base64Byte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_':
		return true
	}
	return false
}
