package inventory

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var (
	errPlaceholder = errors.New("has a % that stands for nothing: want %h for the name, %n for its number, " +
		"%N for the number with its leading zeros, %1n for the first of several, %{n+100} to count from elsewhere, %% for %")
	errNoNumber = errors.New("has a % for a number that the name does not have")
)

// substitute fills in a text of an entry for many hosts.
func substitute(text, name string, numbers []string) (string, error) {
	var filled strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		filled.WriteString(before)
		if !found {
			return filled.String(), nil
		}
		switch {
		case strings.HasPrefix(rest, "%"):
			filled.WriteByte('%')
			text = rest[1:]
		case strings.HasPrefix(rest, "h"):
			filled.WriteString(name)
			text = rest[1:]
		default:
			sign, after, ok := cutNumberSign(rest)
			if !ok {
				return "", errPlaceholder
			}
			number, err := sign.fill(numbers)
			if err != nil {
				return "", err
			}
			filled.WriteString(number)
			text = after
		}
	}
}

// numberSign is a number in the name: %n is the last, a digit says which;
// without leading zeros or, as %N, as written. %{n+100} counts from elsewhere.
type numberSign struct {
	which     int // from 1; 0: the last
	asWritten bool
	offset    string // with its sign; "": there is none
}

// mostOffset is how many digits an offset may have: they fit any int.
const mostOffset = 9

// cutNumberSign reads what stands behind the %.
func cutNumberSign(s string) (sign numberSign, after string, ok bool) {
	s, braced := strings.CutPrefix(s, "{")
	if s != "" && s[0] >= '1' && s[0] <= '9' {
		sign.which, s = int(s[0]-'0'), s[1:]
	}
	if !braced {
		if after, sign.asWritten = strings.CutPrefix(s, "N"); sign.asWritten {
			return sign, after, true
		}
		after, ok = strings.CutPrefix(s, "n")
		return sign, after, ok
	}
	inside, after, closed := strings.Cut(s, "}")
	sign.offset, ok = strings.CutPrefix(inside, "n")
	return sign, after, closed && ok && (sign.offset == "" || isOffset(sign.offset))
}

func isOffset(s string) bool {
	return (s[0] == '+' || s[0] == '-') && len(s) > 1 && len(s) <= 1+mostOffset && allDigits(s[1:])
}

func (s numberSign) fill(numbers []string) (string, error) {
	number, ok := numberAt(numbers, s.which, s.asWritten)
	if !ok {
		return "", errNoNumber
	}
	if s.offset == "" {
		return number, nil
	}
	offset, _ := strconv.Atoi(s.offset) // few digits
	n, err := strconv.Atoi(number)
	if err != nil || n > math.MaxInt-max(offset, 0) || n+offset < 0 {
		return "", fmt.Errorf("makes %s%s, which is no number from 0 on", number, s.offset)
	}
	return strconv.Itoa(n + offset), nil
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

// digitsIn are the runs of digits in a name.
func digitsIn(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' })
}

// allDigits reports whether the text is digits and nothing else.
func allDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
