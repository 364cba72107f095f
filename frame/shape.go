package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// skippableKey is the first key of a map that a reader which does not know it ignores; an unknown one below is refused.
const skippableKey = 64

// The major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint   = 0
	majorNegInt = 1
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorSimple = 7
)

const (
	cborFalse = majorSimple<<5 | 20
	cborTrue  = majorSimple<<5 | 21
)

// checkShape holds the item at the front of p, which is well-formed and has neither tags nor indefinite lengths, against
// the Go type it will be decoded into, and returns what lies behind it. There is one way to say each thing: null,
// text for bytes, numbers for bytes and an array of another length are refused, all of which the library takes.
func checkShape(p []byte, t reflect.Type) (rest []byte, err error) {
	major, arg, body := readHead(p)
	switch t.Kind() {
	case reflect.Pointer:
		return checkShape(p, t.Elem())
	case reflect.Bool:
		if p[0] != cborFalse && p[0] != cborTrue {
			return nil, mismatch(major, "true or false")
		}
		return body, nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if major != majorUint {
			return nil, mismatch(major, "an unsigned integer")
		}
		return body, nil
	case reflect.Int64:
		if major != majorUint && major != majorNegInt {
			return nil, mismatch(major, "an integer")
		}
		return body, nil
	case reflect.String:
		return bytesBehind(major, arg, body)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesBehind(major, arg, body)
		}
		return checkArray(major, arg, body, t.Elem())
	case reflect.Array:
		if major == majorArray && arg != uint64(t.Len()) {
			return nil, fmt.Errorf("an array of %d, want %d", arg, t.Len())
		}
		return checkArray(major, arg, body, t.Elem())
	case reflect.Map:
		if major != majorMap {
			return nil, mismatch(major, "a map")
		}
		for range arg {
			if body, err = checkShape(body, t.Key()); err != nil {
				return nil, err
			}
			if body, err = checkShape(body, t.Elem()); err != nil {
				return nil, err
			}
		}
		return body, nil
	case reflect.Struct:
		if major != majorMap {
			return nil, mismatch(major, "a map")
		}
		return checkFields(arg, body, t)
	}
	panic("frame: no message has a field of type " + t.String()) // a new field's type: every test of its message meets it
}

func bytesBehind(major byte, arg uint64, body []byte) (rest []byte, err error) {
	if major != majorBytes {
		return nil, mismatch(major, "a byte string")
	}
	return body[arg:], nil
}

func checkArray(major byte, n uint64, body []byte, elem reflect.Type) (rest []byte, err error) {
	if major != majorArray {
		return nil, mismatch(major, "an array")
	}
	for i := range n {
		if body, err = checkShape(body, elem); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return body, nil
}

// checkFields holds n pairs against a struct's fields. That a key occurs once is the library's to see.
func checkFields(n uint64, body []byte, t reflect.Type) (rest []byte, err error) {
	fields := fieldsOf(t)
	for range n {
		major, key, value := readHead(body)
		if major == majorNegInt {
			return nil, errors.New("a key is below zero")
		}
		if major != majorUint {
			return nil, fmt.Errorf("a key is %s, want an integer", majorNames[major])
		}
		switch field, known := fields[key]; {
		case known:
			if body, err = checkShape(value, field); err != nil {
				return nil, fmt.Errorf("key %d: %w", key, err)
			}
		case key < skippableKey:
			return nil, fmt.Errorf("unknown key %d", key)
		default:
			body = skip(value)
		}
	}
	return body, nil
}

func fieldsOf(t reflect.Type) map[uint64]reflect.Type {
	fields := make(map[uint64]reflect.Type, t.NumField())
	for f := range t.Fields() {
		number, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			fields[n] = f.Type
		}
	}
	return fields
}

// skip returns what lies behind the item at the front of p.
func skip(p []byte) []byte {
	major, arg, body := readHead(p)
	switch major {
	case majorBytes, majorText:
		return body[arg:]
	case majorMap:
		arg *= 2
	case majorArray:
	default:
		return body
	}
	for range arg {
		body = skip(body)
	}
	return body
}

// readHead splits an item's head off (RFC 8949 section 3): its major type and its argument.
func readHead(p []byte) (major byte, arg uint64, body []byte) {
	major, p, info := p[0]>>5, p[1:], p[0]&31
	switch info {
	case 24:
		return major, uint64(p[0]), p[1:]
	case 25:
		return major, uint64(binary.BigEndian.Uint16(p)), p[2:]
	case 26:
		return major, uint64(binary.BigEndian.Uint32(p)), p[4:]
	case 27:
		return major, binary.BigEndian.Uint64(p), p[8:]
	}
	return major, uint64(info), p
}

var majorNames = [...]string{"an unsigned integer", "a negative integer", "a byte string", "a text string", "an array",
	"a map", "a tag", "a simple value or float"}

func mismatch(major byte, want string) error {
	return fmt.Errorf("%s, want %s", majorNames[major], want)
}
