package strictoml

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file, meant for the user.
type Problem struct {
	File        string
	Row, Column int // from 1; the column counts bytes
	Text        string
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Row, p.Column, p.Text)
}

// Problems are all that is wrong with a file, at least one.
type Problems []Problem

// shownProblems is how many of them anybody wants to read at once.
const shownProblems = 20

// Error has one line for each of the first 20.
func (ps Problems) Error() string {
	var lines []string
	for i, p := range ps {
		if i == shownProblems {
			lines = append(lines, fmt.Sprintf("%s: and %d more", p.File, len(ps)-i))
			break
		}
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}
