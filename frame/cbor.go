package frame

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// The CBOR messages (RFC 8949) are maps with integer keys in the core deterministic encoding. Every string is a byte
// string, because words of a command line are bytes. An absent key means the zero value.
//
// The library refuses what is not well-formed, indefinite lengths, tags, a key that occurs twice and numbers that do
// not fit; shape.go refuses what the library would bend into the field's type. maxElements lets a START through that is
// full of empty words, one byte each.
var codec = sync.OnceValue(func() (c struct {
	enc cbor.EncMode
	dec cbor.DecMode
}) {
	eo := cbor.CoreDetEncOptions()
	eo.String = cbor.StringToByteString
	eo.NilContainers = cbor.NilContainerAsEmpty
	var err error
	if c.enc, err = eo.EncMode(); err != nil {
		panic(err) // the options are constants: a wrong one is a bug that every test meets
	}
	c.dec, err = cbor.DecOptions{
		DupMapKey:          cbor.DupMapKeyEnforcedAPF,
		IndefLength:        cbor.IndefLengthForbidden,
		TagsMd:             cbor.TagsForbidden,
		MaxNestedLevels:    maxNesting,
		MaxArrayElements:   maxElements,
		MaxMapPairs:        maxPairs,
		ByteStringToString: cbor.ByteStringToStringAllowed,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return c
})

// message is a struct whose fields carry `cbor:"N,keyasint"`.
type message interface{ Validate() error }

func marshal(v message) []byte {
	b, err := codec().enc.Marshal(v)
	if err != nil {
		panic(err) // only types of this package get here, and each of them has an encoding
	}
	return b
}

// unmarshal reads one map, which must be all of p, and validates it; what is refused comes back as zero.
func unmarshal[M message](what string, p []byte) (M, error) {
	var m, none M
	dec := codec().dec
	err := dec.Wellformed(p)
	if err == nil {
		_, err = checkShape(p, reflect.TypeOf(m))
	}
	if err == nil {
		err = dec.Unmarshal(p, &m)
	}
	if err != nil {
		return none, fmt.Errorf("%s: %s", what, plain(err))
	}
	if err := m.Validate(); err != nil {
		return none, err
	}
	return m, nil
}

// plain keeps the library's words for the log and drops its prefix and its Go type names' package.
func plain(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), "cbor: "), "frame.", "")
}
