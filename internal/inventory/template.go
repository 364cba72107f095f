package inventory

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// placeholder is what a host's name is put in for. %n is a number in the name
// without leading zeros, %N the same as written, the last one unless a digit
// before says which; %{n+100} counts from elsewhere.
var placeholder = regexp.MustCompile(`%(?:(h)|(%)|([1-9]?)([nN])|\{([1-9]?)n([+-][0-9]{1,9})?\}|)`)

var (
	errPlaceholder = errors.New("has a % that stands for nothing: want %h for the name, %n for its number, " +
		"%N for the number with its leading zeros, %1n for the first of several, %{n+100} to count from elsewhere, %% for %")
	errNoNumber = errors.New("has a % for a number that the name does not have")
)

// substitute fills in a text of an entry for many hosts.
func substitute(text, name string, numbers []string) (string, error) {
	var failed error
	fail := func(err error) string {
		if failed == nil {
			failed = err
		}
		return ""
	}
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		part := placeholder.FindStringSubmatch(found)
		switch {
		case part[1] != "":
			return name
		case part[2] != "":
			return "%"
		case part[0] == "%":
			return fail(errPlaceholder)
		}
		which, _ := strconv.Atoi(part[3] + part[5]) // a digit or nothing
		number, ok := numberAt(numbers, which, part[4] == "N")
		if !ok {
			return fail(errNoNumber)
		}
		if part[6] == "" {
			return number
		}
		offset, _ := strconv.Atoi(part[6]) // few digits
		n, err := strconv.Atoi(number)
		if err != nil || n > math.MaxInt-max(offset, 0) || n+offset < 0 {
			return fail(fmt.Errorf("makes %s%s, which is no number from 0 on", number, part[6]))
		}
		return strconv.Itoa(n + offset)
	})
	return filled, failed
}

// numberAt is the number of that place, from 1, or the last.
func numberAt(numbers []string, which int, asWritten bool) (string, bool) {
	if which == 0 {
		which = len(numbers)
	}
	if which < 1 || which > len(numbers) {
		return "", false
	}
	number := numbers[which-1]
	if bare := strings.TrimLeft(number, "0"); !asWritten && bare != "" {
		number = bare
	} else if !asWritten {
		number = "0"
	}
	return number, true
}

var runOfDigits = regexp.MustCompile(`[0-9]+`)

func digitsIn(name string) []string { return runOfDigits.FindAllString(name, -1) }
