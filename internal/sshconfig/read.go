package sshconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxDepth = 16      // of Include, ssh's READCONF_MAX_DEPTH
	maxFile  = 1 << 20 // bytes
	maxLines = 100_000 // that count, in all files
)

// reader is a configuration while it is read.
type reader struct {
	home  string
	dir   string // of the first file: where a relative Include begins
	trace func(format string, args ...any)
	file  File
}

// Read reads a file; one that is missing is empty. trace is told what is passed over although it might matter.
func Read(name, home string, trace func(format string, args ...any)) (*File, error) {
	r := &reader{home: home, dir: filepath.Dir(name), trace: trace}
	if err := r.include(name, nil, 0); err != nil {
		return nil, err
	}
	return &r.file, nil
}

func (r *reader) include(name string, under [][]string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: Include goes deeper than %d files", name, maxDepth)
	}
	text, err := readText(name)
	if errors.Is(err, fs.ErrNotExist) {
		r.trace("%s is not there", name)
		return nil
	}
	if err != nil {
		return err
	}
	around := len(under)
	skipping := false // under a Match
	for i, row := range strings.Split(text, "\n") {
		fail := func(err error) error { return fmt.Errorf("%s:%d: %w", name, i+1, err) }
		keyword, rest := cutKeyword(row)
		if keyword == "" || keyword[0] == '#' {
			continue
		}
		words, err := splitWords(rest)
		if err != nil {
			return fail(err)
		}
		keyword = strings.ToLower(keyword)
		switch keyword {
		case "host":
			under, skipping = append(slices.Clone(under[:around]), words), false
		case "match":
			under, skipping = under[:around], true
			if len(words) == 1 && strings.EqualFold(words[0], "all") {
				skipping = false
				continue
			}
			r.trace("%s:%d: what is under Match is not read", name, i+1)
		case "include":
			if skipping {
				continue
			}
			for _, word := range words {
				if err := r.includeAll(word, under, depth+1); err != nil {
					return fail(err)
				}
			}
		case "hostname", "user", "port":
			if skipping {
				continue
			}
			if len(words) == 0 {
				return fail(fmt.Errorf("%s without a value", keyword))
			}
			if err := check(keyword, words[0]); err != nil {
				return fail(err)
			}
			if len(r.file.lines) == maxLines {
				return fail(fmt.Errorf("more than %d lines about hosts", maxLines))
			}
			r.file.lines = append(r.file.lines, line{under, keyword, words[0]})
		}
	}
	return nil
}

// includeAll reads the files that an argument of Include names, in the order of their names.
func (r *reader) includeAll(pattern string, under [][]string, depth int) error {
	if rest, ok := strings.CutPrefix(pattern, "~/"); ok {
		pattern = filepath.Join(r.home, rest)
	} else if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.dir, pattern)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("an Include of %.100q: %w", pattern, err)
	}
	for _, name := range names {
		if err := r.include(name, under, depth); err != nil {
			return err
		}
	}
	return nil
}

func readText(name string) (string, error) {
	info, err := os.Stat(name) // before opening: a FIFO would wait for its writer
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	return string(text), err
}

const blanks = " \t\r\f"

// cutKeyword splits a line: the keyword ends at a blank or at one = with blanks around it.
func cutKeyword(row string) (keyword, rest string) {
	row = strings.Trim(row, blanks)
	end := strings.IndexAny(row, blanks+"=")
	if end < 0 {
		return row, ""
	}
	rest = strings.TrimLeft(row[end:], blanks)
	rest = strings.TrimPrefix(rest, "=")
	return row[:end], rest
}

// splitWords splits what follows the keyword: blanks separate, double or single quotes join, a backslash before a quote or
// a backslash takes its meaning, # before a word begins a comment.
func splitWords(rest string) ([]string, error) {
	var words []string
	for {
		rest = strings.TrimLeft(rest, blanks)
		if rest == "" || rest[0] == '#' {
			return words, nil
		}
		var word strings.Builder
		quote := byte(0)
		i := 0
		for ; i < len(rest) && (quote != 0 || strings.IndexByte(blanks, rest[i]) < 0); i++ {
			switch c := rest[i]; {
			case c == '\\' && i+1 < len(rest) && strings.IndexByte(`"'\`, rest[i+1]) >= 0:
				i++
				word.WriteByte(rest[i])
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case quote == c && quote != 0:
				quote = 0
			default:
				word.WriteByte(c)
			}
		}
		if quote != 0 {
			return nil, errors.New("quotes do not match")
		}
		words = append(words, word.String())
		rest = rest[i:]
	}
}
